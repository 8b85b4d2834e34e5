"""What each policy costs a request, as `script/bench policies` measured it last and kept in `costs.json`."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("costs.json")
LEAST = 0.5
"""Microseconds below which a figure is noise."""


@dataclass(frozen=True)
class Cost:
    """`microseconds` of CPU that a request takes more than without the policy; where and when measured.

    Of a policy that answers by itself they are all that such an answer takes, and `upstream_asked` what a
    request takes without the policy: the one less the other would be no cost. `remembered` is the figure of
    one that may remember what it asked at each request. `because` is why it takes much; "" says nothing.
    """

    microseconds: float
    at: str
    machine: str
    upstream_asked: float | None = None
    remembered: float | None = None
    because: str = ""

    @property
    def words(self) -> str:
        """For a card."""
        if self.upstream_asked is not None:
            return f"{self._figure} a hit, in all"
        remembered = f", {_figure(self.remembered)} remembered" if self.remembered else ""
        return f"{self._figure} a request{remembered}{self._reason}"

    @property
    def told(self) -> str:
        """For a page."""
        if self.upstream_asked is None:
            more = (
                f", and {_figure(self.remembered)} where its answer is remembered" if self.remembered else ""
            )
            return f"{self._figure} of CPU a request{more}{self._reason}"
        asked = f"a request without the policy, which asks the upstream, takes {self.upstream_asked:g} µs"
        return f"{self._figure} of CPU a hit, in all; {asked}"

    @property
    def _reason(self) -> str:
        return f": {self.because}" if self.because else ""

    @property
    def _figure(self) -> str:
        return _figure(self.microseconds)


def _figure(microseconds: float) -> str:
    return f"{microseconds:g} µs" if microseconds >= LEAST else f"under {LEAST:g} µs"


@cache
def known() -> dict[str, Cost]:
    """By the policy's name; those that were not measured are not there."""
    return read(FILE)


def read(file: Path) -> dict[str, Cost]:
    if not file.exists():
        return {}
    told = json.loads(file.read_text())
    place = told["at"], told["machine"]
    remembered, because = told.get("remembered", {}), told.get("because", {})
    more = {
        name: Cost(each, *place, remembered=remembered.get(name), because=because.get(name, ""))
        for name, each in told["microseconds"].items()
    }
    return more | {name: Cost(each, *place, told["without"]) for name, each in told["hits"].items()}
