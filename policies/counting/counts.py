"""The counts that replicas share, as they lie in the memory that Envoy's threads count in.

Nothing here takes a lock that a request could wait for: what is written is looked at again afterwards, and
taken back where a thread has begun another window or another key in that cell meanwhile.
"""

import ctypes
import mmap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from policies.counting import shared_memory
from policies.counting.shared_memory import BUCKETS, CELL, CELL_BYTES, CHANGED, EXCHANGED, PAGE, SIZE, Cell

OTHERS, SENT = 40, 44
"""Places in a cell."""


@dataclass(frozen=True)
class Count:
    """What one replica counted of a key in one window, as of now."""

    bucket: int
    place: int
    cell: Cell

    @property
    def more(self) -> int:
        """Requests that others have not been told of."""
        return self.cell.requests - self.cell.sent

    @property
    def name(self) -> str:
        """The same in all replicas for this key, period and window."""
        period = int(self.cell.period)
        window = round((self.cell.start + _wall_offset_ms()) / period)
        return f"{self.cell.digest & 0xFFFFFFFF:08x}{self.cell.digest_2 & 0xFFFFFFFF:08x}:{period}:{window}"

    @property
    def left_ms(self) -> int:
        """Of its window."""
        return max(0, int(self.cell.start + self.cell.period - _now_ms()))


class Counts:
    """Of one state folder, whose file must be there: `shared_memory.prepare` makes it."""

    def __init__(self, state: Path) -> None:
        with shared_memory.path(state).open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), SIZE)
        self._exchanged = ctypes.c_double.from_buffer(self._memory, EXCHANGED)
        self._next = CHANGED

    def changed(self, most: int) -> list[Count]:
        """Those of which others have not heard all, of so many buckets; their marks are taken away.

        Goes on where the last call ended: where many change all the time, each has its turn.
        """
        found: list[Count] = []
        begun, end = self._next, CHANGED + BUCKETS
        for at in (*self._marked(begun, end, most), *self._marked(CHANGED, begun, most))[:most]:
            self._memory[at] = 0
            self._next = at + 1
            found += self._counts(at - CHANGED)
        return [one for one in found if one.more > 0 and one.left_ms > 0]

    def _marked(self, at: int, end: int, most: int) -> Iterator[int]:
        for _ in range(most):
            at = self._memory.find(b"\1", at, end)
            if at < 0:
                return
            yield at
            at += 1

    def changed_again(self, counts: list[Count]) -> None:
        """Mark these as not exchanged again: the storage did not take them."""
        for one in counts:
            self._memory[CHANGED + one.bucket] = 1

    def take(self, one: Count, total: int) -> None:
        """All replicas together have counted so many; ours is among them.

        A storage that has forgotten is told ours again, and what others had counted has been counted.
        """
        self._write(one, SENT, max(0, min(one.cell.requests, total)))
        if total < one.cell.requests:
            self.changed_again([one])
        self._write(one, OTHERS, min(max(one.cell.others, total - one.cell.requests), 2**31 - 1))

    def exchanged(self) -> None:
        """Note that the storage has answered just now."""
        self._exchanged.value = _now_ms()

    def _counts(self, bucket: int) -> list[Count]:
        first = PAGE * (1 + bucket) + CELL_BYTES
        cells = [(place, self._cell(place)) for place in range(first, first + PAGE - CELL_BYTES, CELL_BYTES)]
        return [Count(bucket, place, cell) for place, cell in cells if cell.is_shared and cell.period > 0]

    def _cell(self, place: int) -> Cell:
        return Cell(*CELL.unpack_from(self._memory, place))

    def _write(self, one: Count, field: int, value: int) -> None:
        number = ctypes.c_uint32.from_buffer(self._memory, one.place + field)
        number.value = value
        now = self._cell(one.place)
        if (now.high, now.low, now.period, now.start) != one.cell[:4]:
            number.value = 0


def _now_ms() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC) * 1000


def _wall_offset_ms() -> float:
    return time.time() * 1000 - _now_ms()
