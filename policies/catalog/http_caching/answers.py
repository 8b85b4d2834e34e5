"""The answers that replicas share: what one keeps newly the others have too, by way of a storage.

What replicas have forgotten is numbered in one order for all (see `Forgotten`), and an answer says how far
its sender knew of it: what any of them has forgotten since is refused, whenever and how often it comes. Times
are the storage's, and a minute of difference is allowed to the clocks of machines.
"""

import logging
import math
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.catalog.http_caching.arrivals import Arrivals
from policies.catalog.http_caching.kept import Kept, KeptAnswers
from policies.catalog.http_caching.sealing import Answer, AnswerSeal, Unsealed
from policies.catalog.http_caching.shared import Header
from policies.traits import Storage

SCRIPT = Path(__file__).with_name("queue.lua").read_text()
MOST_TOLD, MOST_TOLD_BYTES, MOST_TAKEN_BYTES = 32, 262_144, 1_048_576
"""In one round; an answer that has more bytes is told alone."""
BYTES_A_SECOND, BURST_BYTES = 4_194_304, 8_388_608
LEAST_LEFT_MS, CLOCKS_MS = 1000, 60_000
MOST_REMEMBERED = 8192
SAID_SECONDS = 60
FORGOTTEN = ("gatewright:forgotten", "gatewright:forgotten:about")
_NONE = bytes(16)

log = logging.getLogger(__name__)


class History:
    """What was forgotten last, each with its number in the order that all replicas have in common."""

    def __init__(self) -> None:
        self._last: OrderedDict[bytes, float] = OrderedDict()
        self._before = 0.0

    def add(self, records: Sequence[bytes], last: float) -> None:
        """`last` is the number of the last one."""
        for number, record in enumerate(records, int(last) - len(records) + 1):
            self._last[record] = number
            self._last.move_to_end(record)
        while len(self._last) > MOST_REMEMBERED:
            self._before = self._last.popitem(last=False)[1]

    def is_forgotten(self, record: bytes, known: float) -> bool:
        """Since so many were known."""
        named = (record, record[:16] + _NONE, _NONE + _NONE)
        return known < max(self._before, *(self._last.get(one, 0.0) for one in named))

    def clear(self) -> None:
        self._last.clear()
        self._before = 0.0


@dataclass(frozen=True)
class QueueAnswer:
    """What the storage answers."""

    now_ms: float
    read: int
    gone: int
    kept: int
    taken: list[bytes]

    @classmethod
    def of(cls, told: Any) -> "QueueAnswer":
        """Raises ValueError for what is no answer."""
        match told:
            case [bytes(seconds), bytes(micro), int(read), int(gone), int(kept), list(taken)]:
                if all(isinstance(one, bytes) for one in taken):
                    return cls(int(seconds) * 1000 + int(micro) / 1000, read, gone, kept, taken)
        raise ValueError("what it answers is not understood")


class Answers:
    """Of one state folder. Raises OSError where there is no room for what comes.

    Nothing is taken that is older than this: what was forgotten before is not known.
    """

    def __init__(self, state: Path, key: bytes) -> None:
        self._seal = AnswerSeal(key)
        self._queue = f"gatewright:answers:{self._seal.name}"
        self.queued = f"{self._queue}:about"
        self._history = History()
        self.arrivals = Arrivals(state)
        self._kept: dict[Path, KeptAnswers] = {}
        self._read = -1
        self._storage = b""
        self._since: float | None = None
        self._clock = 0.0
        self._budget, self._filled = float(BURST_BYTES), time.monotonic()
        self._said, self._said_at = (0, 0), -math.inf
        self._shared = self._taken = self._unshared = self._foreign = self._late = 0

    def lost(self) -> None:
        """What was forgotten meanwhile is not known: nothing that was told before now is good."""
        self._history.clear()
        self.arrivals.forget_all()
        self._since = None

    def forgotten(self, records: Sequence[bytes], last: float) -> None:
        """The last of them has this number."""
        self._history.add(records, last)
        self.arrivals.forget(records)

    def exchange(self, storage: Storage, name: bytes, queued: int, noted: Mapping[Path, float]) -> None:
        """Raises as `Exchange.tell`. The files have heard of the storage of this name just before.

        It has had so many answers, and scripts have noted so many in each file.
        """
        self._storage = name
        offers = list(self._offers(noted)) if self._since is not None else []
        if not offers and queued == self._read and self._since is not None:
            return
        words: list[Any] = [self._storage, self._seal.mark, self._read, MOST_TAKEN_BYTES]
        for one in offers:
            words += [int(one.known), one.record, self._seal.close(one)]
        self._unshared += len(offers)
        told = QueueAnswer.of(storage.eval(SCRIPT, 4, *FORGOTTEN, self._queue, self.queued, *words))
        self._clock, self._read = told.now_ms - _monotonic_ms(), told.read
        self._shared += told.kept
        self._unshared -= told.kept
        self._late += told.gone
        for sealed in told.taken:
            self._take(sealed, told.now_ms)
        if self._since is None:
            self._since = told.now_ms
        self._tell()

    def _take(self, sealed: bytes, now_ms: float) -> None:
        try:
            one = self._seal.open(sealed)
        except Unsealed:
            self._foreign += 1
            return
        wall = time.time() * 1000
        elapsed = max(now_ms - one.sealed_ms, wall - one.sender_ms - CLOCKS_MS, 0)
        if not self._is_good(one) or one.left - elapsed < LEAST_LEFT_MS:
            self._late += 1
        elif self.arrivals.put(one, wall, wall + one.left - elapsed, one.age + elapsed):
            self._taken += 1

    def _is_good(self, one: Answer) -> bool:
        is_new = self._since is not None and one.sealed_ms > self._since and one.storage == self._storage
        return is_new and not self._history.is_forgotten(one.record, one.known)

    def _offers(self, noted: Mapping[Path, float]) -> Iterator[Answer]:
        """What scripts have kept since, as far as it may be told now."""
        now = time.monotonic()
        self._budget = min(BURST_BYTES, self._budget + (now - self._filled) * BYTES_A_SECOND)
        self._filled = now
        many, size = 0, 0
        for file, count in noted.items():
            kept = self._kept.setdefault(file, KeptAnswers(file))
            if kept.has_all(count):
                continue
            for header, one in kept.new():
                if one is None or one.fresh_until - time.time() * 1000 < LEAST_LEFT_MS:
                    continue
                if (
                    many and (many >= MOST_TOLD or size + one.size > MOST_TOLD_BYTES)
                ) or self._budget < one.size:
                    kept.again()
                    return
                many, size, self._budget = many + 1, size + one.size, self._budget - one.size
                yield self._offer(header, one)

    def _offer(self, header: Header, one: Kept) -> Answer:
        wall = time.time() * 1000
        sealed = _monotonic_ms() + self._clock
        times = header.heard, sealed, wall, one.fresh_until - wall, one.age + max(wall - one.stored, 0)
        told = one.status, one.is_open, one.is_strict, one.is_told
        return Answer(one.record, header.storage, *times, *told, *one.texts)

    def _tell(self) -> None:
        """Once a minute at most, where answers stay here that others should have, or others' were none."""
        unshared = self._unshared + sum(one.missed for one in self._kept.values())
        amiss = unshared, self._foreign
        if amiss == self._said or time.monotonic() - self._said_at < SAID_SECONDS:
            return
        self._said, self._said_at = amiss, time.monotonic()
        words = "answers shared=%d taken=%d late=%d unshared=%d foreign=%d"
        log.warning(words, self._shared, self._taken, self._late, *amiss)


def _monotonic_ms() -> float:
    return time.monotonic() * 1000
