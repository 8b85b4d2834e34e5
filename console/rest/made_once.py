"""What takes seconds to make and is the same for all: made by one thread, however many ask at once.

Nobody needs a login for the interface's document. Of a plain cache that is still empty each thread makes its
own: with sixteen of them, a console that had just started answered nobody for twenty seconds.
"""

from collections.abc import Callable
from functools import cache, wraps
from threading import Lock
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def made_once(make: Callable[P, T]) -> Callable[P, T]:
    """`make`, called once for the same arguments; whoever asks meanwhile waits for what comes of it."""
    kept, lock = cache(make), Lock()

    @wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> T:
        with lock:
            return kept(*args, **kwargs)  # type: ignore[arg-type]

    return made
