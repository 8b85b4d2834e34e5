"""Remembers what revisions became in a snapshot: a push carries every API of its gateway, and most often
one of them has changed.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from threading import Lock

MOST = 20_000
"""How many revisions are kept; each has some kilobytes."""

Key = tuple[Hashable, ...]
"""A revision's digest, then those of the shared parts that went into its text; a contract's id and mark."""


class SnapshotCache:
    """Texts by their key; what was asked for longest ago is forgotten. Thread-safe."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = Lock()

    def recall(self, keys: Iterable[Key]) -> dict[Key, bytes]:
        """The texts of those that are known."""
        with self._lock:
            found = {key: self._known[key] for key in keys if key in self._known}
            for key in found:
                self._known.move_to_end(key)
        return found

    def keep(self, texts: dict[Key, bytes]) -> None:
        with self._lock:
            for key, text in texts.items():
                self._known[key] = text
                self._known.move_to_end(key)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
