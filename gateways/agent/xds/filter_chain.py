"""An API's policies as the filters that its routes carry.

Every listener has the same slots, filled per route: filter chains (p) and scripts (l) for policies that
always run, and composites (c), whose matcher picks a chain for each request, for policies with
conditions, or with a predicate that is cheaper to ask than their filter is to make. Where one composite is
not enough, a chain with more of them is passed too. All of it is route configuration, so routes and policies
change at once, on open connections too.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from gateways.agent.xds.access_log import PATH_FILTER
from gateways.agent.xds.choice import EMPTY as EMPTY_CHOICE
from gateways.agent.xds.choice import chosen, composite, first_met, knowing, predicates
from gateways.agent.xds.joined_paths import EMPTY
from gateways.agent.xds.policy_filters import PolicyFilters
from gateways.protocol.conditions import CHOICES, IN_A_CHOICE, TOGETHER
from policies import catalog
from policies.compiled import TYPE_URL, Filter

_MORE = ".more"


def _choices(name: str) -> tuple[str, ...]:
    """A group of composites. All but the first share a slot: one that a route leaves empty costs a request 12
    nanoseconds, a hundred instructions.
    """
    return (name, *(f"{name}.{number}" for number in range(1, CHOICES)))


def _place(slot: str) -> str:
    """The slot of the listener in which this one stands: itself, or the chain of its group."""
    group, _, number = slot.partition(".")
    return group + _MORE if number else slot


LAST = _choices("c2")
SLOTS = (
    *_choices("c0"),
    *("p0", "l0", "p1", "l1", "p2"),
    *_choices("c1"),
    *("p3", "l2", "p4"),
    *LAST,
    *("p5", "l3"),
)
BEHIND = ("l4", "p6")
"""Behind all others: what is to see requests last and answers first."""
PASSED = {"@type": TYPE_URL + "envoy.config.route.v3.FilterConfig", "config": {}}
"""The setting of a route whose requests pass a filter that stands ready in the listener."""
PATH_SLOT = "path"
"""Before all others: the client's path is noted before a policy can change it, and a place of `kept`."""
_CHAIN = TYPE_URL + "envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig"
_LUA = TYPE_URL + "envoy.extensions.filters.http.lua.v3.Lua"
_SCRIPTS = Path(__file__).with_name("scripts.lua").read_text()
_BOTH_WAYS = _SCRIPTS + Path(__file__).with_name("scripts_response.lua").read_text()


class TooManyConditions(ValueError):
    """The policies have more different conditions, one beside the other, than there are choices for."""


def slots(kept: dict[str, Any]) -> list[dict[str, Any]]:
    """The empty slots, as they stand in every listener; a request passes those that its route fills.

    `kept` is that of filters which outlive changes of routes, behind the policies; see `kept`.
    """
    sources = {"requests": {"inline_string": _SCRIPTS}, "both-ways": {"inline_string": _BOTH_WAYS}}
    empty = {
        "p": {"@type": _CHAIN},
        "l": {"@type": _LUA, "source_codes": sources},
        "c": EMPTY_CHOICE,
    }
    own = {_place(slot): empty[slot[0]] for slot in SLOTS} | {SLOTS[0]: knowing(_shared())}
    behind = {slot: empty[slot[0]] for slot in BEHIND}
    more = {place: _further(place.removesuffix(_MORE)) for place in own if place.endswith(_MORE)}
    every = {PATH_SLOT: empty["p"], **EMPTY, **shared(), **own, **more}
    return [*_disabled(every), kept, *_disabled(behind)]


def _disabled(filters: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"name": slot, "disabled": True, "typed_config": config} for slot, config in filters.items()]


def _further(group: str) -> dict[str, Any]:
    """The composites of a group behind its first."""
    _, *names = _choices(group)
    filters = [{"name": name, "typed_config": EMPTY_CHOICE} for name in names]
    return {"@type": _CHAIN, "default_filter_chain": {"filters": filters}}


def shared() -> dict[str, dict[str, Any]]:
    """The filters that the policies of the catalog share among all APIs, by name."""
    return {name: chosen("", [one]) for name, one in _shared().items()}


@cache
def _shared() -> dict[str, PolicyFilters]:
    found = (one for policy in catalog.policies() for one in policy.shared_filters)
    return {one.name: PolicyFilters(one.filters) for one in found}


def passed(slot: str, note: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The settings of a route whose requests pass a filter that finds by a note what it is to do."""
    return {**_noted(note), slot: PASSED}


def path_noted(slots: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a route by whose name the client's path cannot be told."""
    own = slots[PATH_SLOT]["filter_chain"]["filters"] if PATH_SLOT in slots else ()
    return {**slots, **_noted(PATH_FILTER, *own)}


def filled(
    base_path: str, policies: Sequence[PolicyFilters], shared: Iterable[str] = ()
) -> dict[str, Mapping[str, Any]]:
    """The slots' settings on a route, and of those of the shared filters that it passes."""
    made: dict[str, Mapping[str, Any]] = dict.fromkeys(shared, PASSED)
    for slot, run in _runs(
        base_path, [one for policy in policies if policy.filters for one in policy.in_slots]
    ).items():
        if slot == SLOTS[0] and (own := _beside(made, run)):
            # One composite for both takes 3,500 instructions less than two.
            made = {slot: own}
        elif slot.startswith("c"):
            made[slot] = composite(base_path, run)
            if (place := _place(slot)) != slot:
                made[place] = PASSED
        else:
            made[slot] = _scripts(run) if slot.startswith("l") else _chain(run)
    return made


def _beside(shared: Collection[str], run: Sequence[PolicyFilters]) -> Mapping[str, Any] | None:
    """The first choice with the shared filters in it, where it is one between refusals; None for another."""
    if len(shared) != 1 or not all(one.refuses for one in run):
        return None
    (name,) = shared
    only_if = _shared()[name].only_if
    return first_met(run, name, only_if) if only_if else None


def filled_behind(policies: Sequence[PolicyFilters]) -> dict[str, Mapping[str, Any]]:
    """The settings on a route of the slots behind all others."""
    scripts = [replace(one, filters=tuple(one.scripts)) for one in policies if one.scripts]
    native = [
        replace(one, filters=found)
        for one in policies
        if (found := tuple(it for it in one.filters if isinstance(it, Filter)))
    ]
    made: dict[str, Mapping[str, Any]] = {BEHIND[0]: _scripts(scripts)} if scripts else {}
    return {**made, BEHIND[1]: _chain(native)} if native else made


def scripts_id(slots: Mapping[str, Mapping[str, Any]]) -> str:
    """Stands for the scripts that filled slots run; "" where there are none."""
    orders = [setting["filter_context"]["order"] for slot, setting in slots.items() if slot.startswith("l")]
    return _digest("\n".join(orders)) if orders else ""


def frames(policies: Sequence[PolicyFilters]) -> dict[str, str]:
    """The frames that the policies need in files beside Envoy, by id."""
    return {_digest(script.frame): script.frame for policy in policies for script in policy.scripts}


def _noted(*filters: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {PATH_SLOT: {"@type": _CHAIN + "PerRoute", "filter_chain": {"filters": list(filters)}}}


def _runs(base_path: str, policies: Sequence[PolicyFilters]) -> dict[str, list[PolicyFilters]]:
    """The policies by slot, in order. Raises TooManyConditions."""
    runs: dict[str, list[PolicyFilters]] = {}
    at, most = 0, _most(base_path, policies)
    for number, policy in enumerate(policies):
        there = runs.get(SLOTS[at], ())
        is_full = bool(there) and (not _is_choice(at) or _is_full(base_path, there, policy, most))
        found = _slot(at, policy, is_full=is_full)
        if found is None:
            return _folded(base_path, runs, policies[number:])
        at = found
        runs.setdefault(SLOTS[at], []).append(policy)
    return runs


def _is_full(base_path: str, there: Sequence[PolicyFilters], policy: PolicyFilters, most: int) -> bool:
    """Whether a choice cannot take the policy behind those that stand there."""
    return bool(there) and (there[-1].waits or predicates(base_path, (*there, policy)) > most)


def _most(base_path: str, policies: Sequence[PolicyFilters]) -> int:
    """How many predicates a choice takes: where one is not enough for all, few, in as many as there are.

    A policy's filters, and a script's own Lua state, stand at half of the ends of its choice.
    """
    if len(policies) <= IN_A_CHOICE // 2:
        # Each has two at most: its conditions, and one of its own.
        return IN_A_CHOICE
    total = predicates(base_path, policies)
    return IN_A_CHOICE if total <= IN_A_CHOICE else min(IN_A_CHOICE, max(2, -(-total // CHOICES)))


def _slot(at: int, policy: PolicyFilters, *, is_full: bool) -> int | None:
    """The first slot from here on that takes the policy; one without conditions skips no group of composites.

    One that must not be made without its predicate is chosen wherever it stands; one that does nothing
    without it may be, in the first slot, where it takes no other's place; one that has it for some of its
    filters costs no more in a composite than in a chain.
    """
    if policy.must_be_chosen or (policy.only_if and at == 0):
        start = at + 1 if is_full else at
        return next((slot for slot in range(start, len(SLOTS)) if _is_choice(slot)), None)
    start = next((slot for slot in range(at, len(SLOTS)) if not _is_choice(slot)), len(SLOTS))
    near = list(takewhile(lambda slot: not _is_choice(slot), range(start, len(SLOTS))))
    for kind in ("l", "p") if policy.is_scripted else ("p",):
        for slot in near:
            if SLOTS[slot].startswith(kind):
                return slot
    return None


def _is_choice(slot: int) -> bool:
    return SLOTS[slot].startswith("c")


def _folded(
    base_path: str, runs: Mapping[str, list[PolicyFilters]], rest: Sequence[PolicyFilters]
) -> dict[str, list[PolicyFilters]]:
    """What does not fit behind the last composites goes into them, with all that stands there."""
    first = SLOTS.index(LAST[0])
    found = {slot: run for slot, run in runs.items() if SLOTS.index(slot) < first}
    behind = [policy for slot in SLOTS[first:] for policy in runs.get(slot, ())]
    at = 0
    for policy in (piece for one in (*behind, *rest) for piece in one.in_choices):
        while _is_full(base_path, found.get(LAST[at], ()), policy, IN_A_CHOICE):
            at += 1
            if at == len(LAST):
                raise TooManyConditions(
                    f"neighbouring policies have more than {TOGETHER} different conditions, or more than"
                    f" {len(LAST)} that wait; give some of them the same conditions, or none"
                )
        found.setdefault(LAST[at], []).append(policy)
    return found


def _scripts(policies: Sequence[PolicyFilters]) -> dict[str, Any]:
    """Lua that shares one state with all other routes; see scripts.lua."""
    scripts = [script for policy in policies for script in policy.scripts]
    keys = [f"{_digest(script.frame)}.{_digest(script.settings)}" for script in scripts]
    texts = {key: script.settings for key, script in zip(keys, scripts, strict=True)}
    context = {"order": " ".join(keys), **texts}
    source = "both-ways" if any(script.sees_response for script in scripts) else "requests"
    return {"@type": _LUA + "PerRoute", "name": source, "filter_context": context}


def _chain(policies: Sequence[PolicyFilters]) -> dict[str, Any]:
    filters = [one for policy in policies for one in policy.configured]
    return {"@type": _CHAIN + "PerRoute", "filter_chain": {"filters": filters}}


@lru_cache(4096)
def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
