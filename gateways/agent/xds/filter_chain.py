"""An API's policies as the filters that its routes carry.

Every listener has the same slots, filled per route: filter chains (p) and scripts (l) for policies that
always run, and composites (c), whose matcher picks a chain for each request, for policies with
conditions, or with a predicate that is cheaper to ask than their filter is to make. All of it is route
configuration, so routes and policies change in one step, on open connections too.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any

from gateways.agent.xds.access_log import PATH_FILTER, held_filter
from gateways.agent.xds.joined_paths import EMPTY
from gateways.agent.xds.route_match import predicate
from gateways.protocol.rules import Rule
from policies.policy import TYPE_URL, Filter, Script

SLOTS = ("c0", "p0", "l0", "p1", "l1", "p2", "c1", "p3", "l2", "p4", "c2", "p5", "l3")
LAST_COMPOSITE = "c2"
PATH_SLOT = "path"
"""Before all others: the client's path is noted before a policy can change it."""
MOST_LEAVES = 64
_CHAIN = TYPE_URL + "envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig"
_LUA = TYPE_URL + "envoy.extensions.filters.http.lua.v3.Lua"
_SCRIPTS = Path(__file__).with_name("scripts.lua").read_text()
_BOTH_WAYS = _SCRIPTS + Path(__file__).with_name("scripts_response.lua").read_text()
_COMPOSITE = TYPE_URL + "envoy.extensions.filters.http.composite.v3."


Needs = Sequence[tuple["Step", Sequence[Mapping[str, Any]]]]
"""Policies, each with the predicates that must hold for it."""
Told = Sequence[tuple[str, Sequence[Mapping[str, Any]]]]
"""Names of policies with conditions, each with the predicates of these."""


class TooManyConditions(ValueError):
    """The policies' conditions have more combinations than one slot may hold."""


@dataclass(frozen=True)
class Step:
    """The filters of one policy. No conditions means that they always run.

    By `name` the access log tells that its conditions held.
    """

    filters: tuple[Filter | Script, ...]
    conditions: tuple[Rule, ...] = ()
    name: str = ""

    @property
    def scripts(self) -> list[Script]:
        return [one for one in self.filters if isinstance(one, Script)]

    @property
    def is_scripted(self) -> bool:
        """Whether all it does is Lua."""
        return len(self.scripts) == len(self.filters)

    @property
    def in_slots(self) -> list["Step"]:
        """The same as steps of which each fits in one slot: what is chosen for each request stays whole."""
        if self.conditions or len(self.parts) > 1 or self.only_if:
            return [self]
        return [
            replace(self, filters=tuple(alike))
            for _, alike in groupby(self.filters, key=lambda one: isinstance(one, Script))
        ]

    @property
    def only_if(self) -> Mapping[str, Any] | None:
        """The predicate without which none of its filters does anything; None where one always may."""
        own = [one.only_if for one in self.filters]
        return own[0] if own and own.count(own[0]) == len(own) else None

    @property
    def parts(self) -> list["Step"]:
        """The same, in order, as steps of which each is needed as a whole."""
        return [
            replace(self, filters=tuple(alike))
            for _, alike in groupby(self.filters, key=lambda one: one.only_if)
        ]

    def predicates(self, base_path: str) -> list[Mapping[str, Any]]:
        """All of them hold for a request that its filters are made for."""
        own = [self.only_if] if self.only_if else []
        return [*self.conditional(base_path), *own]

    def conditional(self, base_path: str) -> list[Mapping[str, Any]]:
        """The same without the predicate of its own, which its filter can do without."""
        return [predicate(base_path, self.conditions)] if self.conditions else []


def slots() -> list[dict[str, Any]]:
    """The empty slots, as they stand in every listener; a request passes those that its route fills."""
    sources = {"requests": {"inline_string": _SCRIPTS}, "both-ways": {"inline_string": _BOTH_WAYS}}
    empty = {
        "p": {"@type": _CHAIN},
        "l": {"@type": _LUA, "source_codes": sources},
        "c": {"@type": _COMPOSITE + "Composite"},
    }
    every = {PATH_SLOT: empty["p"], **EMPTY, **{slot: empty[slot[0]] for slot in SLOTS}}
    return [{"name": slot, "disabled": True, "typed_config": config} for slot, config in every.items()]


PATH_NOTED: dict[str, Mapping[str, Any]] = {
    PATH_SLOT: {"@type": _CHAIN + "PerRoute", "filter_chain": {"filters": [PATH_FILTER]}}
}
"""The setting of a route by whose name the client's path cannot be told."""


def filled(base_path: str, steps: Sequence[Step]) -> dict[str, Mapping[str, Any]]:
    """The slots' settings on a route. Raises TooManyConditions."""
    made: dict[str, Mapping[str, Any]] = {}
    for slot, run in _runs([one for step in steps if step.filters for one in step.in_slots]).items():
        if slot.startswith("c"):
            made[slot] = _composite(base_path, run)
        else:
            made[slot] = _scripts(run) if slot.startswith("l") else _chain(run)
    return made


def scripts_id(slots: Mapping[str, Mapping[str, Any]]) -> str:
    """Stands for the scripts that filled slots run; "" where there are none."""
    orders = [setting["filter_context"]["order"] for slot, setting in slots.items() if slot.startswith("l")]
    return _digest("\n".join(orders)) if orders else ""


def frames(steps: Sequence[Step]) -> dict[str, str]:
    """The frames that the steps need in files beside Envoy, by id."""
    return {_digest(script.frame): script.frame for step in steps for script in step.scripts}


def _runs(steps: Sequence[Step]) -> dict[str, list[Step]]:
    """The steps by slot, in order; what does not fit behind the last composite is folded into it."""
    runs: dict[str, list[Step]] = {}
    at = 0
    for number, step in enumerate(steps):
        found = _slot(at, step)
        if found is None:
            last = SLOTS.index(LAST_COMPOSITE)
            behind = [one for slot in SLOTS[last + 1 :] for one in runs.pop(slot, ())]
            runs[LAST_COMPOSITE] = [*runs[LAST_COMPOSITE], *behind, *steps[number:]]
            break
        at = found
        runs.setdefault(SLOTS[at], []).append(step)
    return runs


def _slot(at: int, step: Step) -> int | None:
    """The first slot from here on that takes the step; one without conditions skips no composite.

    One with a predicate of its own may stand in the first slot, where it takes no other's place; one that
    has it for some of its filters costs no more in a composite than in a chain.
    """
    rest = range(at, len(SLOTS))
    if step.conditions or len(step.parts) > 1 or (step.only_if and at == 0):
        return next((slot for slot in rest if SLOTS[slot].startswith("c")), None)
    start = at + 1 if SLOTS[at].startswith("c") else at
    near = list(takewhile(lambda slot: not SLOTS[slot].startswith("c"), range(start, len(SLOTS))))
    for kind in ("l", "p") if step.is_scripted else ("p",):
        for slot in near:
            if SLOTS[slot].startswith(kind):
                return slot
    return None


def _scripts(steps: Sequence[Step]) -> dict[str, Any]:
    """Lua that shares one state with all other routes; see scripts.lua."""
    scripts = [script for step in steps for script in step.scripts]
    keys = [f"{_digest(script.frame)}.{_digest(script.settings)}" for script in scripts]
    texts = {key: script.settings for key, script in zip(keys, scripts, strict=True)}
    context = {"order": " ".join(keys), **texts}
    source = "both-ways" if any(script.sees_response for script in scripts) else "requests"
    return {"@type": _LUA + "PerRoute", "name": source, "filter_context": context}


def _chain(steps: Sequence[Step]) -> dict[str, Any]:
    return {"@type": _CHAIN + "PerRoute", "filter_chain": {"filters": _filters(steps)}}


def _composite(base_path: str, steps: Sequence[Step]) -> dict[str, Any]:
    parts = [part for step in steps for part in step.parts]
    needs = [(part, part.predicates(base_path)) for part in parts]
    if 2 ** len(_each_once(needs)) > MOST_LEAVES:
        needs = [(part, part.conditional(base_path)) for part in parts]
    predicates = _each_once(needs)
    if 2 ** len(predicates) > MOST_LEAVES:
        raise TooManyConditions(
            f"{len(predicates)} different conditions on neighbouring policies are more than"
            f" {MOST_LEAVES.bit_length() - 1}; give policies the same conditions, or none"
        )
    told = [(step.name, step.conditional(base_path)) for step in steps if step.conditions and step.name]
    tree = _tree(needs, told, predicates, [])
    return {"@type": _COMPOSITE + "CompositePerRoute", "matcher": tree["matcher"]}


def _each_once(needs: Needs) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for _, predicates in needs:
        found += [one for one in predicates if one not in found]
    return found


def _tree(
    needs: Needs,
    told: Told,
    undecided: Sequence[Mapping[str, Any]],
    holding: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """One OnMatch: a matcher on the next predicate, or the chain of the policies whose predicates hold.

    The chain begins with the note of those whose conditions hold, whether they have something to do or not.
    """
    if not undecided:
        chosen = [step for step, predicates in needs if all(one in holding for one in predicates)]
        held = [name for name, predicates in told if all(one in holding for one in predicates)]
        filters = [*([held_filter(held)] if held else []), *_filters(chosen)]
        return _action(filters) if filters else {}
    next_one, *rest = undecided
    matcher: dict[str, Any] = {}
    if met := _tree(needs, told, rest, [*holding, next_one]):
        matcher["matcher_list"] = {"matchers": [{"predicate": next_one, "on_match": met}]}
    if unmet := _tree(needs, told, rest, holding):
        matcher["on_no_match"] = unmet
    return {"matcher": matcher} if matcher else {}


def _action(filters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    chain = {"typed_config": list(filters)}
    typed = {"@type": _COMPOSITE + "ExecuteFilterAction", "filter_chain": chain}
    return {"action": {"name": "run", "typed_config": typed}}


def _filters(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [{"name": one.name, "typed_config": dict(one.typed_config)} for one in _each(steps)]


def _each(steps: Sequence[Step]) -> list[Filter | Script]:
    return [one for step in steps for one in step.filters]


@lru_cache(4096)
def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
