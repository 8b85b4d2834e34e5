"""Children that end with their parent, however it ends."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def start(command: Sequence[str], number: signal.Signals, **options: Any) -> "subprocess.Popen[bytes]":
    """`subprocess.Popen`, of a child that gets this signal when we die.

    The kernel counts the thread that starts the child for the parent.
    """
    # What the child does before it becomes a program is two system calls, for which no lock is taken.
    return subprocess.Popen(command, preexec_fn=_stop_with_parent(number), **options)  # noqa: PLW1509


def _stop_with_parent(number: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()

    def bind() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)

    return bind
