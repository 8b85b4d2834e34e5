"""Counts that are told at once, and counted once however often they are told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.counting.counts import Count
from policies.traits import Storage

SCRIPT = Path(__file__).with_name("tell.lua").read_text()
LONGER_MS = 60_000
"""How long a count is kept behind its window, for clocks that differ."""


@dataclass(frozen=True)
class Batch:
    """A teller's batches have rising numbers; the storage knows the last one that it has taken in."""

    counts: list[Count]
    keys: list[str]
    words: list[int]

    @classmethod
    def of(cls, counts: list[Count], teller: str, number: int) -> "Batch":
        keys = [f"gatewright:told:{teller}", *(f"gatewright:count:{one.name}" for one in counts)]
        words = [number]
        for one in counts:
            words += [one.more, one.left_ms + LONGER_MS]
        return cls(counts, keys, words)

    def told(self, storage: Storage) -> list[int | None]:
        """Of each what all replicas together have counted; None where nothing can be counted.

        Raises whatever the client does, and ValueError for an answer that is none.
        """
        answer: Any = storage.eval(SCRIPT, len(self.keys), *self.keys, *self.words)
        if not isinstance(answer, list) or len(answer) != len(self.counts):
            raise ValueError("what it answers is not understood")
        return [_number(one) for one in answer]


def _number(told: Any) -> int | None:
    try:
        return int(told)
    except (TypeError, ValueError):
        return None
