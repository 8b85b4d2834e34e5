"""What uses a destination: each app that sends to some adds, when it starts, how its uses are found."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Use:
    """A thing in words, and its page."""

    words: str
    url: str


Find = Callable[[Collection[int]], Mapping[int, Sequence[Use]]]
"""Of these destinations, in as many queries however many they are."""

_finders: list[Find] = []


def add(find: Find) -> None:
    if find not in _finders:
        _finders.append(find)


def uses(destinations: Collection[int]) -> Mapping[int, list[Use]]:
    found: dict[int, list[Use]] = defaultdict(list)
    for find in _finders if destinations else ():
        for pk, some in find(destinations).items():
            found[pk] += some
    return found
