"""Processes that read what strangers send: what they get of ours, what they may take, and how they end.

Without Django: such a process imports as little as it can.
"""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

PROJECT = Path(__file__).resolve().parents[1]
KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
"""The variables that they get of our environment: they need no secret."""


ASK_SECONDS = 0.5
"""How often it is asked whether an answer is wanted still."""
LONGEST_COMPLAINT = 4000
Why = Literal["", "time", "computing", "memory", "broken"]


class Unwanted(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True)
class ProcessAnswer:
    """What a process wrote; `why` there is none: it took more of something than it may, or Python ended with
    a `complaint`, which is a bug.
    """

    content: bytes
    why: Why = ""
    complaint: str = ""


def ask(
    child: tuple[str, ...],
    given: bytes,
    *,
    wall_seconds: float,
    answer_bytes: int,
    is_wanted: Callable[[], bool] = lambda: True,
) -> ProcessAnswer:
    """What Python, started with these options, answers to what it is `given`: a process that calls `limit`
    and is always ended. Nothing of either touches a disk. Raises Unwanted.
    """
    with _in_memory("given") as asked, _in_memory("answered") as answered, _in_memory("said") as said:
        asked.write(given)
        asked.seek(0)
        process = subprocess.Popen(
            [sys.executable, *child],
            stdin=asked,
            stdout=answered,
            stderr=said,
            cwd=PROJECT,
            env=environment(),
            start_new_session=True,
        )
        try:
            why = _wait(process, is_wanted, wall_seconds)
        finally:
            end(process)
        if why:
            return _ended(process, why, said)
        answered.seek(0)
        return ProcessAnswer(answered.read(answer_bytes))


def _ended(process: "subprocess.Popen[bytes]", why: Why, said: BinaryIO) -> ProcessAnswer:
    """Where Python itself ended, it had no memory left for an answer, or we made a mistake."""
    said.seek(max(0, said.seek(0, os.SEEK_END) - LONGEST_COMPLAINT))
    text = said.read().decode(errors="replace").strip()
    if process.returncode == 1 and not text.rpartition("\n")[2].startswith("MemoryError"):
        return ProcessAnswer(b"", "broken", text)
    return ProcessAnswer(b"", why)


def _in_memory(name: str) -> BinaryIO:
    return os.fdopen(os.memfd_create(name), "w+b")


def _wait(process: "subprocess.Popen[bytes]", is_wanted: Callable[[], bool], wall_seconds: float) -> Why:
    limit = time.monotonic() + wall_seconds
    while True:
        try:
            code = process.wait(max(0.0, min(ASK_SECONDS, limit - time.monotonic())))
        except subprocess.TimeoutExpired:
            if time.monotonic() >= limit:
                return "time"
            if not is_wanted():
                raise Unwanted from None
            continue
        if code == 0:
            return ""
        return "computing" if code in (-signal.SIGXCPU, -signal.SIGKILL) else "memory"


def environment() -> dict[str, str]:
    return {name: os.environ[name] for name in KEPT if name in os.environ}


def limit(*, nice: int, cpu_seconds: int, memory_bytes: int, file_bytes: int) -> None:
    """What this process may take, from now on."""
    os.nice(nice)
    for kind, most in (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        _, hard = resource.getrlimit(kind)
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (value, value))


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ends the process, which leads a session of its own, and whatever it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
