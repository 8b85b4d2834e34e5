"""What stands in a configuration for a secret: `${secret:group/name}`, or with `#field` after it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

START = "${secret:"
_NAME = r"[\w@](?:[\w.@-]{0,118}[\w@])?"
_MENTION = re.compile(rf"\$\{{secret:(?:({_NAME})/)?({_NAME})(?:#(\w{{1,40}}))?\}}")
MAIN = ("password", "key", "secretAccessKey", "content")
"""The fields that are meant where none is named, in this order."""

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mention:
    """`group` is "" where none is named: the environment's own in the console, the resource's own namespace
    in files.
    """

    group: str
    name: str
    field: str

    def __str__(self) -> str:
        group = f"{self.group}/" if self.group else ""
        return f"{START}{group}{self.name}{f'#{self.field}' if self.field else ''}}}"


def read(text: Any) -> Mention | None:
    """What the whole text mentions, if it is a mention."""
    if not isinstance(text, str) or not text.startswith(START):
        return None
    found = _MENTION.fullmatch(text)
    return Mention(found[1] or "", found[2], found[3] or "") if found else None


def found(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where inside a configuration mentions stand, with their texts, broken ones too."""
    if isinstance(value, str):
        if value.startswith(START):
            yield path, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from found(one, (*path, str(key)))
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for at, one in enumerate(value):
            yield from found(one, (*path, at))


def put(value: Any, values: Mapping[str, str]) -> Any:
    """The configuration with each mention of which the value is known replaced by it."""
    if isinstance(value, str):
        return values.get(value, value) if value.startswith(START) else value
    if isinstance(value, Mapping):
        return {key: put(one, values) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [put(one, values) for one in value]
    return value


def value_of(held: Mapping[str, str], field: str) -> str | None:
    """Of what a secret holds, what is meant by the field; None where it has none such."""
    if field:
        return held.get(field)
    if len(held) == 1:
        return next(iter(held.values()))
    return next((held[one] for one in MAIN if one in held), None)
