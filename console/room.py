"""Room for few at once, in one process of the console: most of its threads are kept for pages.

Who finds a share full is told at once; a few wait until there is a place.
"""

import threading
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class NoRoom(Exception):
    """As many as may are in it, or wait. `is_own_share` where those of the same key are too many."""

    def __init__(self, *, is_own_share: bool) -> None:
        super().__init__("there is no room")
        self.is_own_share = is_own_share


class Room:
    """`places` work at once and `waiting` more wait for it; of one key `each` are among them at most."""

    def __init__(self, places: int, waiting: int = 0, each: int | None = None) -> None:
        self._most = places + waiting
        self._each = self._most if each is None else each
        self._free = threading.BoundedSemaphore(places)
        self._lock = threading.Lock()
        self._inside: Counter[Hashable] = Counter()

    @property
    def count(self) -> int:
        """Of those that are in it, or wait."""
        return self._inside.total()

    @contextmanager
    def place(self, key: Hashable = None) -> Iterator[None]:
        """Until the end of the block. Raises NoRoom."""
        with self._lock:
            if self._inside[key] >= self._each:
                raise NoRoom(is_own_share=True)
            if self._inside.total() >= self._most:
                raise NoRoom(is_own_share=False)
            self._inside[key] += 1
        try:
            with self._free:
                yield
        finally:
            with self._lock:
                self._inside[key] -= 1
                if not self._inside[key]:
                    del self._inside[key]
