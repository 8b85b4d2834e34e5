"""An API's policies as the filters that its routes carry.

Every listener has the same slots, filled per route: filter chains for policies that always run, and
composites, whose matcher picks a chain for each request, for policies with conditions. All of it is
route configuration, so routes and policies change in one step, on open connections too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from gateways.agent import ir
from gateways.agent.match import predicate
from policies.contract import TYPE_URL, Filter

ALWAYS = ("p0", "p1", "p2")
SOMETIMES = ("c0", "c1")
MOST_LEAVES = 64
_CHAIN = TYPE_URL + "envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig"
_COMPOSITE = TYPE_URL + "envoy.extensions.filters.http.composite.v3."


class TooManyConditions(ValueError):
    """The policies' conditions have more combinations than one slot may hold."""


@dataclass(frozen=True)
class Step:
    """The filters of one policy. No conditions means that they always run."""

    filters: tuple[Filter, ...]
    conditions: tuple[ir.Rule, ...] = ()


def slots() -> list[dict[str, Any]]:
    """The empty slots, as they stand in every listener."""
    chain = {"@type": _CHAIN}
    composite = {"@type": _COMPOSITE + "Composite"}
    order = [(ALWAYS[0], chain), (SOMETIMES[0], composite), (ALWAYS[1], chain), (SOMETIMES[1], composite)]
    return [{"name": name, "typed_config": config} for name, config in [*order, (ALWAYS[2], chain)]]


def filled(base_path: str, steps: Sequence[Step]) -> dict[str, Mapping[str, Any]]:
    """The slots' settings on a route. Raises TooManyConditions."""
    runs = _runs([step for step in steps if step.filters])
    return {
        slot: _composite(base_path, run) if slot in SOMETIMES else _chain(run) for slot, run in runs.items()
    }


def _runs(steps: Sequence[Step]) -> dict[str, list[Step]]:
    """Neighbours with, and neighbours without conditions, in the order of the slots.

    What does not fit behind the last composite is folded into it.
    """
    runs: dict[str, list[Step]] = {}
    order = iter((ALWAYS[0], SOMETIMES[0], ALWAYS[1], SOMETIMES[1], ALWAYS[2]))
    groups = [(bool(key), list(run)) for key, run in groupby(steps, lambda step: bool(step.conditions))]
    for number, (is_conditional, run) in enumerate(groups):
        is_last = number == len(groups) - 1
        slot = next((slot for slot in order if (slot in SOMETIMES) == is_conditional), None)
        if slot == ALWAYS[2] and not is_last:
            slot = None
        if slot is None:
            rest = [step for _, later in groups[number:] for step in later]
            runs[SOMETIMES[1]] = [*runs[SOMETIMES[1]], *rest]
            break
        runs[slot] = run
    return runs


def _chain(steps: Sequence[Step]) -> dict[str, Any]:
    return {"@type": _CHAIN + "PerRoute", "filter_chain": {"filters": _filters(steps)}}


def _composite(base_path: str, steps: Sequence[Step]) -> dict[str, Any]:
    conditions = list(dict.fromkeys(step.conditions for step in steps if step.conditions))
    if 2 ** len(conditions) > MOST_LEAVES:
        raise TooManyConditions(
            f"{len(conditions)} different conditions on neighbouring policies are more than"
            f" {MOST_LEAVES.bit_length() - 1}; give policies the same conditions, or none"
        )
    return {
        "@type": _COMPOSITE + "CompositePerRoute",
        "matcher": _tree(base_path, steps, conditions, frozenset())["matcher"],
    }


def _tree(
    base_path: str,
    steps: Sequence[Step],
    undecided: Sequence[tuple[ir.Rule, ...]],
    holding: frozenset[tuple[ir.Rule, ...]],
) -> dict[str, Any]:
    """One OnMatch: a matcher on the next condition, or the chain of the policies whose conditions hold."""
    if not undecided:
        chosen = [step for step in steps if not step.conditions or step.conditions in holding]
        return _action(chosen) if chosen else {}
    condition, *rest = undecided
    matcher: dict[str, Any] = {}
    if met := _tree(base_path, steps, rest, holding | {condition}):
        one = {"predicate": predicate(base_path, condition), "on_match": met}
        matcher["matcher_list"] = {"matchers": [one]}
    if unmet := _tree(base_path, steps, rest, holding):
        matcher["on_no_match"] = unmet
    return {"matcher": matcher} if matcher else {}


def _action(steps: Sequence[Step]) -> dict[str, Any]:
    chain = {"typed_config": _filters(steps)}
    typed = {"@type": _COMPOSITE + "ExecuteFilterAction", "filter_chain": chain}
    return {"action": {"name": "run", "typed_config": typed}}


def _filters(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "typed_config": dict(one.typed_config)} for step in steps for one in step.filters
    ]
