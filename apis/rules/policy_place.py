"""Where a policy stands among an API's others."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

from apis.models import PolicyBinding
from policies import catalog
from policies.policy import Phase


class Ordered(Protocol):
    """A policy of an API, or an automated one."""

    policy: Any
    order: Any


Row = TypeVar("Row", bound=Ordered)


def is_first(row: Ordered) -> bool:
    """Whether it runs before all others, wherever it stands."""
    try:
        return catalog.find(row.policy).runs_first
    except catalog.UnknownPolicy:
        return False


def phase_of(row: Ordered) -> Phase:
    """That of what the catalog no longer has is the last: it is where it was put."""
    try:
        return catalog.find(row.policy).phase
    except catalog.UnknownPolicy:
        return Phase.LOG


def numbered(rows: Iterable[Row]) -> list[Row]:
    """From 1, those that always run first before the rest; saves nothing."""
    ordered = sorted(rows, key=lambda one: not is_first(one))
    for order, one in enumerate(ordered, start=1):
        one.order = order
    return ordered


def in_front(wanted: Sequence[Row]) -> str:
    """Who runs before others all the same, in words; "" where the order can be as it is wanted."""
    behind = [one for at, one in enumerate(wanted) if is_first(one) and not all(map(is_first, wanted[:at]))]
    names = dict.fromkeys(catalog.find(one.policy).title for one in behind)
    return f"{' and '.join(names)} always run{'s' if len(names) == 1 else ''} first." if names else ""


def placed(bindings: Iterable[PolicyBinding], binding: PolicyBinding) -> list[PolicyBinding]:
    """An API's policies with this one, which need not be saved, in the place of the one of its id, or else in
    that of its order; numbered so.
    """
    others = [one for one in bindings if one.pk != binding.pk]
    at = sum(one.order < binding.order for one in others)
    return numbered([*others[:at], binding, *others[at:]])
