"""Programs are restarted, given up, stopped, and never left behind."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TextIO

import pytest

from console.management.commands import up
from console.stack.programs import Child, Program
from console.stack.stack_error import StackError
from console.stack.supervisor import Supervisor, _born
from console.stack.waiting import wait_for

STAYS = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAYS}"


def python(name: str, code: str, **fields: object) -> Program:
    return Program(name, (sys.executable, "-c", code), **fields)  # type: ignore[arg-type]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, said.append)
    yield supervisor
    supervisor.is_hurried = True
    supervisor.stop()


def started(supervisor: Supervisor, program: Program) -> Child:
    """The running program, once it has written its first line."""
    supervisor.start(program)
    child = supervisor._children[program.name]
    wait_for(lambda: bool(child.last_lines), 10, program.name)
    return child


def test_what_crashes_is_started_again(supervisor: Supervisor, said: list[str]) -> None:
    child = started(supervisor, python("clock", STAYS))
    child.kill()

    supervisor.check()

    assert supervisor._children["clock"].pid != child.pid
    assert said[0].startswith("clock was ended by SIGKILL; starting it again")


def test_what_keeps_crashing_ends_the_stack_with_its_last_lines(supervisor: Supervisor) -> None:
    supervisor.start(python("clock", "raise SystemExit('no spring')"))

    def gives_up() -> bool:
        try:
            supervisor.check()
        except StackError as error:
            return "clock keeps crashing: it ended with exit code 1" in str(error) and "no spring" in str(
                error
            )
        return False

    wait_for(gives_up, 20, "giving up")


def test_stop_ends_every_program_the_highest_stage_first(tmp_path: Path, supervisor: Supervisor) -> None:
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        f"def leave(*_): open({str(order)!r}, 'a').write(sys.argv[1]); sys.exit()\n"
        "signal.signal(signal.SIGTERM, leave); print('up', flush=True); time.sleep(60)"
    )
    programs = [Program(name, (sys.executable, "-c", code, name), stage=int(name)) for name in "021"]
    pids = [started(supervisor, program).pid for program in programs]

    supervisor.stop()

    assert order.read_text() == "210"
    assert [_born(pid) for pid in pids] == [None, None, None]


def test_what_does_not_stop_in_time_is_killed(supervisor: Supervisor, said: list[str]) -> None:
    child = started(supervisor, python("mule", STUBBORN, stop_seconds=0.1))

    supervisor.stop()

    assert child.exit_code == -signal.SIGKILL
    assert said == ["mule did not stop in time and was killed"]


def test_what_a_killed_run_left_behind_is_ended_by_the_next(
    tmp_path: Path, supervisor: Supervisor, said: list[str]
) -> None:
    child = started(supervisor, python("clock", STAYS))

    Supervisor(tmp_path, said.append).end_leftovers()

    assert child.exit_code == -signal.SIGTERM
    assert said == [f"clock (pid {child.pid}) is left from a run that was killed; stopping it"]


def test_a_pid_that_another_program_has_by_now_is_left_alone(
    tmp_path: Path, supervisor: Supervisor, said: list[str]
) -> None:
    child = started(supervisor, python("clock", STAYS))
    ledger = tmp_path / "processes.json"
    ledger.write_text(json.dumps([{"name": "clock", "pid": child.pid, "born": 1}]))

    Supervisor(tmp_path, said.append).end_leftovers()

    assert child.exit_code is None
    assert said == []


def test_what_was_left_behind_may_end_by_itself_meanwhile(tmp_path: Path, supervisor: Supervisor) -> None:
    child = started(supervisor, python("clock", STAYS))

    Supervisor(tmp_path, lambda line: child.kill()).end_leftovers()

    assert child.exit_code == -signal.SIGKILL


@pytest.mark.parametrize("damage", [b"", b"\0\0", b'[{"na'])
def test_record_that_was_lost_with_the_machine_hinders_no_start(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "processes.json").write_bytes(damage)

    Supervisor(tmp_path, print).end_leftovers()

    assert not (tmp_path / "processes.json").exists()


def test_output_that_cannot_be_kept_or_shown_hinders_no_program(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its pipe takes 64 KB that nobody reads."""
    full = Path("/dev/full").open("w")  # noqa: SIM115 closing it would fail, too
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "clock.log").symlink_to("/dev/full")

    child = Child(python("clock", "for _ in range(500): print('x' * 1000)"), logs, partial(_show, full))

    wait_for(lambda: child.exit_code is not None, 10, "clock")
    assert child.exit_code == 0
    assert capfd.readouterr().err == ""


def test_a_record_that_cannot_be_written_is_told_and_hinders_no_start(
    tmp_path: Path, supervisor: Supervisor, said: list[str]
) -> None:
    (tmp_path / "processes.new").mkdir()

    child = started(supervisor, python("clock", STAYS))

    assert child.exit_code is None
    assert said == [f"{tmp_path / 'processes.json'} cannot be written (Is a directory)"]


def test_lines_that_nobody_can_read_end_nothing() -> None:
    command = up.Command(stdout=Path("/dev/full").open("w"))  # noqa: SIM115 closing it would fail, too
    command.began = 0.0

    command.say("console was ended by SIGKILL; starting it again")
    command.show("console", "x" * 100_000)


def test_programs_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    code = f"""
import sys, os, signal
from pathlib import Path
from console.stack.programs import Child, Program
child = Child(Program("clock", (sys.executable, "-c", {STAYS!r})), Path({str(tmp_path)!r}))
Path({str(tmp_path)!r}, "pid").write_text(str(child.pid))
while not child.last_lines: pass
os.kill(os.getpid(), signal.SIGKILL)
"""
    parent = Child(python("parent", code), tmp_path)

    wait_for(lambda: parent.exit_code == -signal.SIGKILL, 20, "the parent's end")

    pid = int((tmp_path / "pid").read_text())
    wait_for(_is_gone(pid), 10, "the child's end")


def _is_gone(pid: int) -> Callable[[], bool]:
    return lambda: _born(pid) is None


def _show(stream: TextIO, name: str, line: str) -> None:
    print(name, line, file=stream, flush=True)
