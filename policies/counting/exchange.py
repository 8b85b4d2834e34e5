"""Counts that replicas share: what changed here is told to the storage, its totals are taken from it."""

import secrets
from pathlib import Path

from policies.counting import shared_memory
from policies.counting.batch import Batch
from policies.counting.counts import Counts
from policies.traits import Storage

MOST_BUCKETS = 256
"""Of one exchange: some thousand counts, a few milliseconds of the storage's time."""


class CountExchange:
    """Of one state folder. A batch that was not answered is told again as it was, until it is."""

    def __init__(self, state: Path) -> None:
        shared_memory.prepare(state)
        self._counts = Counts(state)
        self._teller = secrets.token_hex(8)
        self._number = 0
        self._unanswered: Batch | None = None

    def changed(self) -> bool:
        if self._unanswered is None and (changed := self._counts.changed(MOST_BUCKETS)):
            self._number += 1
            self._unanswered = Batch.of(changed, self._teller, self._number)
        return self._unanswered is not None

    def tell(self, storage: Storage) -> None:
        if self._unanswered is None:
            return
        batch, totals = self._unanswered, self._unanswered.told(storage)
        self._unanswered = None
        untold = [one for one, total in zip(batch.counts, totals, strict=True) if total is None]
        self._counts.changed_again(untold)
        for one, total in zip(batch.counts, totals, strict=True):
            if total is not None:
                self._counts.take(one, total)
        if untold:
            raise ValueError(f"{len(untold)} counts cannot be kept there")

    def heard(self) -> None:
        self._counts.exchanged()

    def again(self) -> None:
        """The batch is kept until it is answered."""
