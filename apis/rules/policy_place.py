"""Where a policy stands among an API's others."""

from collections.abc import Iterable

from apis.models import PolicyBinding
from policies import catalog


def is_first(binding: PolicyBinding) -> bool:
    """Whether it runs before all others, wherever it stands."""
    try:
        return bool(binding.template.runs_first)
    except catalog.UnknownPolicy:
        return False


def placed(bindings: Iterable[PolicyBinding], binding: PolicyBinding) -> list[PolicyBinding]:
    """An API's policies with this one, which need not be saved, in the place of the one of its id, or else in
    that of its order; numbered so.
    """
    others = [one for one in bindings if one.pk != binding.pk]
    at = sum(one.order < binding.order for one in others)
    ordered = sorted([*others[:at], binding, *others[at:]], key=lambda one: not is_first(one))
    for order, one in enumerate(ordered, start=1):
        one.order = order
    return ordered
