"""Which of several policies run, chosen for each request by their conditions: one composite filter's matcher.

It is a tree over the different predicates, with a chain of filters at each end. Each predicate more makes
twice as many ends, so one choice takes IN_A_CHOICE, and what has more stands in the next one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateways.agent.xds.access_log import held_filter
from gateways.agent.xds.policy_filters import PolicyFilters
from policies.compiled import TYPE_URL

_COMPOSITE = TYPE_URL + "envoy.extensions.filters.http.composite.v3."
EMPTY: dict[str, Any] = {"@type": _COMPOSITE + "Composite"}


@dataclass(frozen=True)
class ConditionalFilters:
    """Filters that are needed as a whole, with all predicates that must hold for them.

    `note` are those that must hold for the log to tell that the policy's conditions did; None tells nothing.
    """

    policy: PolicyFilters
    predicates: tuple[Mapping[str, Any], ...]
    note: tuple[Mapping[str, Any], ...] | None


def composite(base_path: str, policies: Sequence[PolicyFilters]) -> dict[str, Any]:
    """A route's setting of a composite filter."""
    return {"@type": _COMPOSITE + "CompositePerRoute", "matcher": _matcher(base_path, policies)}


def first_met(policies: Sequence[PolicyFilters], name: str, only_if: Mapping[str, Any]) -> dict[str, Any]:
    """A route's setting of a composite that has a chain of this name, which runs where `only_if` holds and
    none of the policies refuses: each of them refuses what meets its predicate. In a list each stands once.
    """
    found = [(one.only_if, _action(one.configured_where_met)) for one in policies]
    found.append((only_if, running({"filter_chain_name": name})))
    matchers = [{"predicate": predicate, "on_match": action} for predicate, action in found]
    return {"@type": _COMPOSITE + "CompositePerRoute", "matcher": {"matcher_list": {"matchers": matchers}}}


def knowing(chains: Mapping[str, PolicyFilters]) -> dict[str, Any]:
    """A composite that has these chains by name."""
    named = {name: {"typed_config": one.configured_where_met} for name, one in chains.items()}
    return {**EMPTY, "named_filter_chains": named}


def chosen(base_path: str, policies: Sequence[PolicyFilters]) -> dict[str, Any]:
    """A composite filter that has its choice by itself, whatever the route. A route's chain can hold none."""
    return {**EMPTY, "matcher": _matcher(base_path, policies)}


def _matcher(base_path: str, policies: Sequence[PolicyFilters]) -> dict[str, Any]:
    pieces = [piece for policy in policies for piece in _pieces(base_path, policy)]
    tree = _tree(pieces, _each_once(pieces), [])
    matcher: dict[str, Any] = tree.get("matcher", {"on_no_match": tree})
    return matcher


def predicates(base_path: str, policies: Iterable[PolicyFilters]) -> int:
    """How many different ones a choice among them asks."""
    return len(_each_once([piece for policy in policies for piece in _pieces(base_path, policy)]))


def _pieces(base_path: str, policy: PolicyFilters) -> Iterator[ConditionalFilters]:
    note = tuple(policy.conditional(base_path)) if policy.conditions and policy.name else None
    for part in policy.parts:
        yield ConditionalFilters(part, tuple(part.predicates(base_path)), note)
        note = None


def _each_once(pieces: Sequence[ConditionalFilters]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for piece in pieces:
        found += [one for one in piece.predicates if one not in found]
    return found


def _tree(
    pieces: Sequence[ConditionalFilters],
    undecided: Sequence[Mapping[str, Any]],
    holding: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """One OnMatch: a matcher on the next predicate, or the chain of the policies whose predicates hold.

    The chain begins with the note of those whose conditions hold, whether they have something to do or not.
    """
    if not undecided:
        chosen = [one.policy for one in pieces if all(it in holding for it in one.predicates)]
        held = [
            one.policy.name
            for one in pieces
            if one.note is not None and all(it in holding for it in one.note)
        ]
        filters = [
            *([held_filter(held)] if held else []),
            *(one for policy in chosen for one in policy.configured_where_met),
        ]
        return _action(filters) if filters else {}
    next_one, *rest = undecided
    matcher: dict[str, Any] = {}
    if met := _tree(pieces, rest, [*holding, next_one]):
        matcher["matcher_list"] = {"matchers": [{"predicate": next_one, "on_match": met}]}
    if unmet := _tree(pieces, rest, holding):
        matcher["on_no_match"] = unmet
    return {"matcher": matcher} if matcher else {}


def _action(filters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return running({"filter_chain": {"typed_config": list(filters)}})


def running(chain: Mapping[str, Any]) -> dict[str, Any]:
    """One OnMatch that runs it."""
    typed = {"@type": _COMPOSITE + "ExecuteFilterAction", **chain}
    return {"action": {"name": "run", "typed_config": typed}}
