"""Entries of a list that stand in it before, and so do nothing a second time."""

from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic.fields import FieldInfo


class Caseless:
    """Annotates a text in which upper and lower case are the same."""


CASELESS = Caseless()


def told(entries: Iterable[Any], *, is_caseless: bool = False) -> str:
    """Why an entry does nothing; "" where each stands there once."""
    seen = set()
    for entry in entries:
        key = entry.lower() if is_caseless and isinstance(entry, str) else entry
        if key in seen:
            return f'has "{entry}" more than once: that does nothing'
        seen.add(key)
    return ""


def of_field(info: FieldInfo, value: Any) -> str:
    """The same of a list of texts, numbers or choices, and "" of anything else."""
    if not isinstance(value, list | tuple) or not all(isinstance(one, str | int) for one in value):
        return ""
    return told(value, is_caseless=any(one is CASELESS for one in _marks(info.annotation)))


def _marks(annotation: Any) -> Iterator[Any]:
    for part in get_args(annotation):
        yield part
        yield from _marks(part)
