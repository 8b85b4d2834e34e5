"""Programs are restarted, given up, stopped, and never left behind."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
