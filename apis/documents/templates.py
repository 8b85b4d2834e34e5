"""Which documented operation a counted request belongs to, by the templates of the document's paths.

Counted paths have their ids replaced (`gateways.protocol.resource_paths`); so have the literal segments of
a template where they look like one. No regular expression is run, and each look has a bound: a document is
somebody else's text.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gateways.protocol.resource_paths import ID, is_id

MOST_AT_ONCE = 16
"""Places in the tree that a path is followed to together, those of literal segments first."""
MOST_SEGMENTS = 100
MOST_MIXED = 100
"""Different ways to put parameters between literals in one segment; what uses others has no traffic."""

Key = int
Documented = tuple[Key, str, str]
"""An operation's key, method and path."""


@dataclass(slots=True)
class _PathState:
    """Where a path may be, after some of its segments."""

    literal: "dict[str, _PathState]" = field(default_factory=dict)
    mixed: "dict[tuple[str, ...], _PathState]" = field(default_factory=dict)
    """By the literal parts of a segment such as `{name}.json`, which stand around its parameters."""
    methods: dict[str, Key] = field(default_factory=dict)


class Templates:
    def __init__(self, operations: Iterable[Documented]) -> None:
        self._root = _PathState()
        for key, method, path in operations:
            place = self._root
            for segment in path.split("/")[1 : MOST_SEGMENTS + 1]:
                place = _below(place, segment)
            place.methods.setdefault(method.upper(), key)

    def operation(self, method: str, segments: Sequence[str]) -> Key | None:
        """That of a counted path, without its base path. HEAD is GET's where nothing else documents it."""
        found = self._places(segments)
        for asked in (method, "GET") if method == "HEAD" else (method,):
            for place in found:
                if asked in place.methods:
                    return place.methods[asked]
        return None

    def has_path(self, segments: Sequence[str]) -> bool:
        """Whether any method of it is documented."""
        return any(place.methods for place in self._places(segments))

    def _places(self, segments: Sequence[str]) -> list[_PathState]:
        """Where the path ends, the most literal first."""
        places = [self._root]
        for segment in segments[: MOST_SEGMENTS + 1]:
            places = [one for place in places for one in _after(place, segment)][:MOST_AT_ONCE]
        return places if len(segments) <= MOST_SEGMENTS else []


def segments(path: str, base_path: str) -> list[str] | None:
    """Of a counted path below the base path; None for one that is not."""
    wanted = [] if base_path == "/" else base_path.split("/")[1:]
    found = path.split("/")[1:]
    if len(found) < len(wanted) or not all(map(_is_same, wanted, found)):
        return None
    return found[len(wanted) :] or [""]


def _below(place: _PathState, segment: str) -> _PathState:
    parts = _literals(segment)
    if len(parts) == 1:
        return place.literal.setdefault(ID if is_id(segment) else segment, _PathState())
    if parts not in place.mixed and len(place.mixed) >= MOST_MIXED:
        return _PathState()
    return place.mixed.setdefault(parts, _PathState())


def _after(place: _PathState, segment: str) -> Iterable[_PathState]:
    if segment in place.literal:
        yield place.literal[segment]
    for parts, below in place.mixed.items():
        if segment and (segment == ID or _fits(parts, segment)):
            yield below


def _literals(segment: str) -> tuple[str, ...]:
    """What stands around the parameters of a template's segment: "{a}.json" is ("", ".json")."""
    found, rest = [], segment
    while (start := rest.find("{")) >= 0 and (end := rest.find("}", start)) >= 0:
        found.append(rest[:start])
        rest = rest[end + 1 :]
    return (*found, rest)


def _fits(parts: tuple[str, ...], segment: str) -> bool:
    """Whether the parts stand in the segment in this order, with something between each two."""
    first, *middle, last = parts
    if not segment.startswith(first):
        return False
    at = len(first)
    for part in middle:
        at = segment.find(part, at + 1)
        if at < 0:
            return False
        at += len(part)
    return len(segment) - len(last) > at and segment.endswith(last)


def _is_same(literal: str, counted: str) -> bool:
    return counted in (literal, ID if is_id(literal) else literal)
