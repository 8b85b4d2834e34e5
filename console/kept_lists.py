"""What an audit entry keeps of a long list: of what differs some by name, and how many others there are."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

MOST = 100
"""A list of no more items is kept as it is; of a longer one, so many of those that went or came."""
_COUNT = re.compile(r"and ([\d,]+) (more|that stay)")


class KeptList(NamedTuple):
    """`items` are those that are named; `more` went or came beside them. Of a list that `is_short`, nothing
    stayed that is named.
    """

    items: list[Any]
    more: int
    is_short: bool


def shortened(before: Any, after: Any) -> list[Any]:
    """`[before, after]` of a field as an entry keeps it. What is no long list of names stays as it is, and
    so does another order of the same names.
    """
    sides = [side or [] for side in (before, after)]
    if not all(map(_is_names, sides)) or max(map(len, sides)) <= MOST:
        return [before, after]
    gone, come = differing(*sides), differing(sides[1], sides[0])
    if not gone and not come:
        return [before, after]
    stay = len(sides[0]) - len(gone)
    return [_kept(gone, stay), _kept(come, stay)]


def read(found: Sequence[Any]) -> KeptList:
    """What `shortened` wrote; any other list is as it is."""
    items, more, is_short = list(found), 0, False
    while items and isinstance(items[-1], str) and (count := _COUNT.fullmatch(items[-1])):
        items.pop()
        more, is_short = more + (int(count[1].replace(",", "")) if count[2] == "more" else 0), True
    return KeptList(items, more, is_short)


def differing(these: Sequence[Any], those: Sequence[Any]) -> list[Any]:
    """Of these, what those have not, as often as they have it less often."""
    if _is_names(these) and _is_names(those):
        known = set(those)
        if len(known) == len(those) and len(set(these)) == len(these):
            return [one for one in these if one not in known]
    left = Counter(map(key, those))
    found = []
    for one in these:
        name = key(one)
        if left[name] > 0:
            left[name] -= 1
        else:
            found.append(one)
    return found


def key(one: Any) -> str:
    """Equal exactly where two items are."""
    return json.dumps(one, sort_keys=True)


def _kept(found: list[Any], stay: int) -> list[Any]:
    more = len(found) - MOST
    counts = [f"and {count:,} {word}" for count, word in ((more, "more"), (stay, "that stay")) if count > 0]
    return [*found[:MOST], *counts]


def _is_names(side: Any) -> bool:
    return isinstance(side, list) and {str}.issuperset(map(type, side))
