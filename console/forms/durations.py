"""Times as people write them, a number and a unit, and as configurations keep them.

A whole number of the schema's format "duration-ms" or "duration-s" is one, kept in that unit.
"""

from typing import Any

from console.forms.schema import Schema

UNITS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
"""Milliseconds."""
LONG = {"w": 604_800_000, "mo": 2_592_000_000, "y": 31_536_000_000}
"""Of a schema that says `periods`, too: a month has 30 days, a year 365."""
SIZES = UNITS | LONG
LABELS = {
    "ms": "milliseconds",
    "s": "seconds",
    "min": "minutes",
    "h": "hours",
    "d": "days",
    "w": "weeks",
    "mo": "months",
    "y": "years",
}
BASES = {"duration-ms": "ms", "duration-s": "s"}
"""The unit in which a format is kept."""


def base(schema: Schema) -> str:
    """The unit in which the value is kept, "" for what is no time."""
    return BASES.get(str(schema.get("format", "")), "")


def has_long(schema: Schema) -> bool:
    """Whether it may be written in weeks, months and years."""
    return bool(schema.get("periods"))


def units(kept: str, *, are_long: bool = False) -> list[str]:
    """Those in which a value that is kept in this unit may be written."""
    return [unit for unit, size in (SIZES if are_long else UNITS).items() if size >= SIZES[kept]]


def blank(schema: Schema) -> str:
    """The unit of none yet: minutes, as limits have it; seconds where it may be left out, as a timeout."""
    return "s" if schema.get("default", "") is None else "min"


def split(value: Any, kept: str, *, are_long: bool = False, blank: str = "min") -> tuple[str, str]:
    """(number, unit) for the form: 90000 ms is 90 s. Of what was mistyped, what was typed."""
    if isinstance(value, int) and not isinstance(value, bool):
        size, known = value * SIZES[kept], units(kept, are_long=are_long)
        unit = next((one for one in reversed(known) if size and size % SIZES[one] == 0), kept)
        return str(size // SIZES[unit]), unit
    text, _, unit = str("" if value is None else value).rpartition(" ")
    return (text, unit) if unit in SIZES else (str(value or ""), blank)


def joined(number: str, unit: str, kept: str) -> int | str:
    """The value to keep; what is no whole number of `kept` stays text, for the schema to refuse."""
    try:
        size = float(number) * SIZES[unit] / SIZES[kept]
        return int(size) if size.is_integer() else f"{number} {unit}"
    except (KeyError, ValueError, OverflowError):
        return f"{number} {unit}"


def words(value: int, kept: str, *, are_long: bool = False) -> str:
    """ "90 seconds", "1 day"."""
    number, unit = split(value, kept, are_long=are_long)
    label = LABELS[unit]
    return f"{number} {label.removesuffix('s') if number == '1' else label}"
