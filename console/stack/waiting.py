"""Waiting for a condition, with a limit and an eye on what it depends on."""

import time
from collections.abc import Callable

from console.stack.stack_error import StackError

STEP_SECONDS = 0.05


class TimedOut(StackError):
    """What was waited for did not come."""


def wait_for(
    is_ready: Callable[[], bool], seconds: float, what: str, check: Callable[[], None] = lambda: None
) -> None:
    """Return as soon as `is_ready`. Raises TimedOut after `seconds`, or whatever `check` raises."""
    limit = time.monotonic() + seconds
    while not is_ready():
        check()
        if time.monotonic() > limit:
            raise TimedOut(f"{what} did not become ready within {seconds:.0f} s.")
        time.sleep(STEP_SECONDS)
