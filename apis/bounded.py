"""Processes that read what strangers send: what they get of ours, what they may take, and how they end.

Without Django: such a process imports as little as it can.
"""

import os
import resource
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV")
"""The variables that they get of our environment: they need no secret."""


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
