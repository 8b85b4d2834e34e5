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
    """`microseconds` of CPU that a request takes more than without the policy; where and when measured."""

    microseconds: float
    at: str
    machine: str

    @property
    def words(self) -> str:
        return f"{self.microseconds:g} µs" if self.microseconds >= LEAST else f"under {LEAST:g} µs"


@cache
def known() -> dict[str, Cost]:
    """By the policy's name; those that were not measured are not there."""
    return read(FILE)


def read(file: Path) -> dict[str, Cost]:
    if not file.exists():
        return {}
    told = json.loads(file.read_text())
    return {name: Cost(each, told["at"], told["machine"]) for name, each in told["microseconds"].items()}
