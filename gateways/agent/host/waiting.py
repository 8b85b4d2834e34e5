"""Waiting for what another program does."""

import threading
import time
from collections.abc import Callable


def until(condition: Callable[[], bool], seconds: float, pause_seconds: float) -> bool:
    """Whether the condition came true in time; it is asked again after each pause."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(pause_seconds)
    return True
