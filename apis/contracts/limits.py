"""How much a tier allows, in words: "100 a minute, 5,000 a day"."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from console.forms import durations

ARTICLES = {"h": "an"}


@dataclass(frozen=True)
class Limit:
    """So many requests in so much time; a hidden one is told to nobody but who manages the API."""

    requests: int
    period_ms: int
    is_visible: bool = True

    @property
    def words(self) -> str:
        return f"{self.requests:,} {self.period}"

    @property
    def period(self) -> str:
        """ "a minute", "an hour", "in 5 minutes"."""
        return _period(self.period_ms)


@lru_cache(maxsize=1000)
def _period(period_ms: int) -> str:
    """A thousand tiers have a handful of them."""
    number, unit = durations.split(period_ms, "ms", are_long=True)
    if number == "1":
        return f"{ARTICLES.get(unit, 'a')} {durations.LABELS[unit].removesuffix('s')}"
    return f"in {durations.words(period_ms, 'ms', are_long=True)}"


def read(rows: Iterable[Mapping[str, Any]]) -> list[Limit]:
    """Of the rows as REST and the table have them, the shortest time first."""
    found = [
        Limit(row["maximumRequests"], row["timePeriodInMilliseconds"], row.get("visible", True))
        for row in rows
    ]
    return sorted(found, key=lambda one: one.period_ms)


def words(limits: Iterable[Limit]) -> str:
    return ", ".join(one.words for one in limits)
