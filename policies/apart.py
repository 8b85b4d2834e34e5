"""Fields of configurations that may cost more to read than a page may take: documents and patterns.

A console reads them in a process of its own (`Policy.reads_apart`). What was found sound there, it makes a
model of without reading them once more: `model_validate(config, context=UNREAD)`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationInfo

from policies.policy import Policy

UNREAD = {"unread": True}
MOST_OF_PATTERNS = 2000
"""Characters, together: the worst found took 5 ms of computing."""
_IS_COSTLY = re.compile(r"\{|\\[pP]")
"""What a few characters repeat, or make large: a hundred of "[\\p{L}]{50}" took 1.2 s."""


def is_unread(info: ValidationInfo) -> bool:
    """Whether the field's value was found sound before, and is not to be read."""
    return bool(info.context and info.context.get("unread"))


def document(value: Any) -> bool:
    """Of any length: a WSDL of 880 bytes took 0.6 s of computing, an OpenAPI document of 200 bytes 70 ms."""
    return isinstance(value, str) and bool(value.strip())


def longer_than(most: int) -> Callable[[Any], bool]:
    """For documents whose cost is bounded by their length, in characters."""
    return lambda value: isinstance(value, str) and len(value) > most


def patterns(value: Any) -> bool:
    """Regular expressions for RE2, wherever they stand in the value."""
    length = 0
    for text in _texts(value):
        length += len(text)
        if length > MOST_OF_PATTERNS or _IS_COSTLY.search(text):
            return True
    return False


def field(policy: Policy[Any], config: Mapping[str, Any]) -> str:
    """The first that is to be read apart, as users write it; "" for none."""
    for alias, is_costly in policy.reads_apart.items():
        names = [name for name, info in policy.config.model_fields.items() if info.alias == alias]
        if any(is_costly(config.get(name)) for name in (alias, *names)):
            return alias
    return ""


def _texts(value: Any) -> Iterator[str]:
    """Without recursion: it may be nested as deeply as its sender liked."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, Mapping):
            left.extend(one.values())
        elif isinstance(one, list | tuple):
            left.extend(one)
