"""Keeps the stack's programs running, and leaves none of them behind.

Supervisord, circus and honcho were tried in its place: each, when killed, leaves its programs running and
unknown to its next start; honcho restarts nothing, and circus never gives up on what keeps crashing.
Supervisord does the rest, but as a second daemon whose configuration (written out, quoted, reloaded over a
socket) and client, with our record of processes still beside them, are more code than this module.
"""

import itertools
import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from console.stack.programs import Child, Program
from console.stack.stack_error import StackError

QUICK_SECONDS = 20
QUICK_CRASHES = 4
"""So many crashes in a row, each within QUICK_SECONDS of its start, and the stack gives up."""


class Supervisor:
    """Starts programs, restarts what crashes, stops all; `say` prints a line for the person watching."""

    def __init__(
        self, home: Path, say: Callable[[str], None], echo: Callable[[str, str], None] | None = None
    ):
        self._say = say
        self._echo = echo
        self._logs = home / "logs"
        self._logs.mkdir(exist_ok=True, mode=0o700)
        self._ledger = home / "processes.json"
        self._children: dict[str, Child] = {}
        self._crashes: dict[str, int] = {}
        self.is_hurried = False

    def start(self, *programs: Program) -> None:
        for program in programs:
            self._children[program.name] = Child(program, self._logs, self._echo)
        self._write_ledger()

    def check(self) -> None:
        """Restart what has crashed. Raises StackError when something keeps crashing."""
        for name, child in list(self._children.items()):
            if child.exit_code is None:
                continue
            quick = child.ran_seconds < QUICK_SECONDS
            self._crashes[name] = self._crashes.get(name, 0) + 1 if quick else 1
            if self._crashes[name] >= QUICK_CRASHES:
                raise StackError(self._obituary(child))
            self._say(f"{name} {_ended(child.exit_code)}; starting it again (see {self._logs / name}.log)")
            self.start(child.program)

    def stop(self) -> None:
        """Stop every program, the highest stage first; one that does not stop in time is killed."""
        stages = itertools.groupby(
            sorted(self._children.values(), key=lambda child: -child.program.stage),
            key=lambda child: child.program.stage,
        )
        for _, group in stages:
            self._stop_together(list(group))
        self._children.clear()
        self._ledger.unlink(missing_ok=True)

    def end_leftovers(self) -> None:
        """End what a killed run left behind, known by its pid and start time."""
        left = [(name, pid, born) for name, pid, born in self._read_ledger() if _born(pid) == born]
        for name, pid, _ in left:
            self._say(f"{name} (pid {pid}) is left from a run that was killed; stopping it")
            with suppress(ProcessLookupError):  # they end by themselves, too, and may just have done so
                os.kill(pid, signal.SIGINT if name == "postgres" else signal.SIGTERM)
        limit = time.monotonic() + 15
        while any(_born(pid) == born for _, pid, born in left) and time.monotonic() < limit:
            time.sleep(0.05)
        for _, pid, born in left:
            if _born(pid) == born:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        self._ledger.unlink(missing_ok=True)

    def _stop_together(self, children: list[Child]) -> None:
        for child in children:
            child.ask_to_stop()
        began = time.monotonic()
        while running := [child for child in children if child.exit_code is None]:
            for child in running:
                if self.is_hurried or time.monotonic() - began > child.program.stop_seconds:
                    self._say(f"{child.program.name} did not stop in time and was killed")
                    child.kill()
            time.sleep(0.02)

    def _read_ledger(self) -> list[tuple[str, int, int]]:
        """(name, pid, born) of each; none when the file was lost with the machine, as all that ran was."""
        try:
            entries = json.loads(self._ledger.read_bytes())
        except (FileNotFoundError, ValueError):
            return []
        return [(entry["name"], entry["pid"], entry["born"]) for entry in entries]

    def _write_ledger(self) -> None:
        entries = [
            {"name": name, "pid": child.pid, "born": _born(child.pid)}
            for name, child in self._children.items()
        ]
        fresh = self._ledger.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(entries))
            fresh.rename(self._ledger)
        except OSError as error:  # they end with us all the same
            self._say(f"{self._ledger} cannot be written ({error.strerror})")

    def _obituary(self, child: Child) -> str:
        name = child.program.name
        lines = "".join(f"\n    {line}" for line in child.last_lines)
        log = self._logs / f"{name}.log"
        return f"{name} keeps crashing: it {_ended(child.exit_code)}. Its last lines, from {log}:{lines}"


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _born(pid: int) -> int | None:
    """When the process started, in clock ticks since boot: with it a pid names one process only."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if after_name[0] == "Z" else int(after_name[19])
