"""Programs under measurement: started on chosen cores, watched, ended."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")


class Failed(RuntimeError):
    """A program did not do what the measurement needs; the text holds the end of its log."""


@dataclass(frozen=True)
class Cores:
    """The gateway, or what it is compared with, has a core to itself; what loads it runs on the others.

    So every proxy has the same one thread's worth of machine, and a load generator that becomes busier
    with a faster proxy never takes time from it. With two cores the upstream and wrk share the second.
    """

    proxy: frozenset[int]
    rest: frozenset[int]

    @classmethod
    def of_this_machine(cls) -> "Cores":
        found = sorted(os.sched_getaffinity(0))
        return cls(frozenset(found[:1]), frozenset(found[1:] or found))


@dataclass(frozen=True)
class RunningProxy:
    """Where a proxy listens, and its process."""

    port: int
    pid: int


def interpreter(project: Path) -> str:
    """With what the checkout itself requires, where it is installed there."""
    own = project / ".venv" / "bin" / "python"
    return str(own) if project != PROJECT and own.exists() else sys.executable


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    folder: Path,
    cores: frozenset[int] | None = None,
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """The program, once `port` takes connections; what it says is in `folder`/out.log. Raises Failed."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "out.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
        )
    try:
        if cores:
            pin(process.pid, cores)
        if port is not None:
            wait_for(lambda: takes_connections(port), 60, f"{command[0]}", alive=process, log=log)
        yield process
    finally:
        end(process)


def end(process: "subprocess.Popen[bytes]", seconds: float = 40) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(
    holds: Callable[[], bool],
    seconds: float,
    what: str,
    *,
    alive: "subprocess.Popen[bytes] | None" = None,
    log: Path | None = None,
    every: float = 0.005,
) -> float:
    """After how many seconds it held. Raises Failed."""
    began = time.monotonic()
    while not holds():
        is_dead = alive is not None and alive.poll() is not None
        if is_dead or time.monotonic() - began > seconds:
            said = log.read_text(errors="replace")[-2000:] if log and log.exists() else ""
            raise Failed(f"{what}: {'ended' if is_dead else f'not there after {seconds:.0f} s'}\n{said}")
        time.sleep(every)
    return time.monotonic() - began


def takes_connections(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def pin(pid: int, cores: frozenset[int]) -> None:
    """All of the process's threads; what it starts later inherits."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def cpu_seconds(pid: int) -> float:
    """What the process has used so far, in user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def family_cpu_seconds(pid: int) -> float:
    """The process's and that of those it started, as far as they still run."""
    children = (Path(f"/proc/{pid}/task/{pid}/children")).read_text().split()
    return cpu_seconds(pid) + sum(family_cpu_seconds(int(child)) for child in children)


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
