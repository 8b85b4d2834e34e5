"""Children that end with their parent, however it ends."""

import ctypes
import os
import signal
from collections.abc import Callable

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def stop_with_parent(number: signal.Signals) -> Callable[[], None]:
    """What the child does before it becomes a program: it asks the kernel for this signal when we die.

    The kernel counts the thread that starts the child for the parent.
    """
    parent = os.getpid()

    def bind() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)

    return bind
