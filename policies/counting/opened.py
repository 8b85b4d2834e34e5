"""WebSocket connections that replicas share a limit of, how many are open here and elsewhere: an Exchange."""

import ctypes
import mmap
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from policies.counting import connections as shared
from policies.counting import established
from policies.counting.elsewhere import elsewhere
from policies.traits import Storage

REFRESH_SECONDS = 1.0
"""An end is told so late: nothing but the kernel knows of it."""
PAUSE = 20
"""A look at the kernel's connections may take a twentieth of the time."""
_MADE_AT = shared.HEADER.size + 128 + 4
_OTHERS, _TOLD_AT = 8, 16
_NOBODY = bytes(8)


@dataclass(frozen=True)
class Opened:
    """Of one binding, by the name that all replicas give it."""

    owner: int
    name: bytes
    count: int


class Connections:
    """Of one state folder, whose file is made where it is missing."""

    def __init__(self, state: Path) -> None:
        shared.prepare(state)
        with shared.path(state).open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), shared.SIZE)
        # The seed stays with the file: an agent that comes back is the same teller.
        self._teller = self._memory[8:16].hex()
        self._found: list[Opened] = []
        self._counts: list[int] = []
        self._looked, self._took = 0.0, 0.0

    def changed(self) -> bool:
        self._found = self._opened()
        return bool(self._found)

    def tell(self, storage: Storage) -> None:
        here = [(one.name, one.count) for one in self._found]
        told = elsewhere(
            storage, "open", "open connections", teller=self._teller, lasts_ms=shared.HEARD_MS, here=here
        )
        for one, others in zip(self._found, told, strict=True):
            self._take(one, others)

    def heard(self) -> None:
        """Each says until when it counts."""

    def again(self) -> None:
        self._counts = []

    def _opened(self) -> list[Opened]:
        """Those that the others are to be told of now: all, or none where it is not time yet."""
        names = self._names()
        if not names:
            return []
        counts = [self._count(owner) for owner in names]
        now = time.monotonic()
        since = now - self._looked
        if since < PAUSE * self._took or (counts == self._counts and since < REFRESH_SECONDS):
            return []
        try:
            there = self._there()
        except OSError:
            # Then no script can count any either, and says so of each request.
            there = Counter[int]()
        self._counts, self._looked, self._took = counts, now, time.monotonic() - now
        return [Opened(owner, name, there[owner]) for owner, name in names.items()]

    def _names(self) -> dict[int, bytes]:
        section = self._memory[shared.SHARED : shared.SIZE]
        if section.count(0) == len(section):
            return {}
        found = (name for name, *_ in shared.SHARED_ENTRY.iter_unpack(section))
        return {owner: name for owner, name in enumerate(found) if name != _NOBODY}

    def _count(self, owner: int) -> int:
        """As scripts count: with those whose end nobody has noticed yet."""
        return int(shared.OWNER.unpack_from(self._memory, shared.OWNERS + owner * shared.OWNER.size)[2])

    def _there(self) -> Counter[int]:
        """By owner, of those that the kernel still has; without a lock, so that one may be missed."""
        alive = established.cookies()
        return Counter(owner for cookie, owner in self._entries() if cookie in alive)

    def _entries(self) -> Iterator[tuple[bytes, int]]:
        made = min(int.from_bytes(self._memory[_MADE_AT : _MADE_AT + 4], "little"), shared.MOST_CONNECTIONS)
        first = shared.ENTRIES + shared.ENTRY.size
        entries = self._memory[first : first + made * shared.ENTRY.size]
        for cookie, serial, _, owner in shared.ENTRY.iter_unpack(entries):
            if serial:
                yield cookie, owner

    def _take(self, one: Opened, others: int) -> None:
        place = shared.SHARED + one.owner * shared.SHARED_ENTRY.size
        count = ctypes.c_uint32.from_buffer(self._memory, place + _OTHERS)
        count.value = min(others, 2**32 - 1)
        ctypes.c_double.from_buffer(self._memory, place + _TOLD_AT).value = _now_ms()
        if self._memory[place : place + 8] != one.name:
            # Another binding has the place meanwhile.
            count.value = 0


def _now_ms() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC) * 1000
