"""Tells apart the bindings of one policy: Envoy says which policy decided, and not which of its uses."""

from collections.abc import Sequence

from gateways.agent.translate import ir
from gateways.agent.xds import access_log
from gateways.agent.xds.compiler import Compiler
from gateways.agent.xds.filter_chain import TooManyConditions, filled
from gateways.agent.xds.policy_filters import PolicyFilters
from policies.compiled import Compiled, Filter


class MarkingCompiler(Compiler):
    """Behind each policy that is applied again further down, a filter notes that the request came past it,
    where there is room for all of these.

    Everything else is as a gateway has it that shares no counts.
    """

    shares_counts = False

    def policy_filters(self, found: Sequence[tuple[ir.PolicyUse, Compiled]]) -> list[PolicyFilters]:
        made = super().policy_filters(found)
        uses = [use for use, _ in found]
        behind = [_mark(number) if is_repeated(uses, number) else () for number in range(len(uses))]
        if not any(behind):
            return made
        marked = [one for own, marks in zip(made, behind, strict=True) for one in (own, *marks)]
        return marked if _is_room(marked) else made


def _is_room(policies: Sequence[PolicyFilters]) -> bool:
    """Whether all find a slot: marks stand between policies that would share one, and a gateway has none."""
    try:
        filled("", policies)
    except TooManyConditions:
        return False
    return True


def is_repeated(uses: Sequence[ir.PolicyUse], number: int) -> bool:
    return any(use.policy == uses[number].policy for use in uses[number + 1 :])


def passed(noted: str) -> set[int]:
    """The places of the policies whose marks the request has."""
    return {int(one) for one in access_log.held(noted.encode()) if one.isdecimal()}


def _mark(number: int) -> tuple[PolicyFilters, ...]:
    config = access_log.passed_filter(str(number))
    return (PolicyFilters((Filter(config["name"], config["typed_config"]),)),)
