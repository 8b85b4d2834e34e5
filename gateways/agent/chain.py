"""An API's policies as the filters that its routes carry.

Every listener has the same slots, filled per route: filter chains (p) and scripts (l) for policies that
always run, and composites (c), whose matcher picks a chain for each request, for policies with
conditions. All of it is route configuration, so routes and policies change in one step, on open
connections too.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from gateways.agent import ir
from gateways.agent.match import predicate
from policies.contract import TYPE_URL, Filter

SLOTS = ("p0", "l0", "p1", "l1", "p2", "c0", "p3", "l2", "p4", "c1", "p5", "l3", "p6")
LAST_COMPOSITE = "c1"
MOST_LEAVES = 64
_CHAIN = TYPE_URL + "envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig"
_LUA = TYPE_URL + "envoy.extensions.filters.http.lua.v3.Lua"
_SCRIPTS = Path(__file__).with_name("scripts.lua").read_text()
_BOTH_WAYS = _SCRIPTS + Path(__file__).with_name("scripts_response.lua").read_text()
_ON_RESPONSE = "envoy_on_response"
_SETTINGS = re.compile("^local settings = .*$", re.MULTILINE)
_PLACE = "--[[settings]]"
_COMPOSITE = TYPE_URL + "envoy.extensions.filters.http.composite.v3."


@dataclass(frozen=True)
class Script:
    """A Lua filter in two: `frame`, which all uses of a policy have in common, and the line of settings."""

    frame: str
    settings: str

    @property
    def frame_id(self) -> str:
        return _digest(self.frame)

    @property
    def sees_response(self) -> bool:
        return _ON_RESPONSE in self.frame


class TooManyConditions(ValueError):
    """The policies' conditions have more combinations than one slot may hold."""


@dataclass(frozen=True)
class Step:
    """The filters of one policy. No conditions means that they always run."""

    filters: tuple[Filter, ...]
    conditions: tuple[ir.Rule, ...] = ()

    @property
    def is_scripted(self) -> bool:
        """Whether all it does is Lua."""
        return bool(self.filters) and all("default_source_code" in one.typed_config for one in self.filters)


def slots() -> list[dict[str, Any]]:
    """The empty slots, as they stand in every listener; a request passes those that its route fills."""
    sources = {"requests": {"inline_string": _SCRIPTS}, "both-ways": {"inline_string": _BOTH_WAYS}}
    empty = {
        "p": {"@type": _CHAIN},
        "l": {"@type": _LUA, "source_codes": sources},
        "c": {"@type": _COMPOSITE + "Composite"},
    }
    return [{"name": slot, "disabled": True, "typed_config": empty[slot[0]]} for slot in SLOTS]


def filled(base_path: str, steps: Sequence[Step]) -> dict[str, Mapping[str, Any]]:
    """The slots' settings on a route. Raises TooManyConditions."""
    made: dict[str, Mapping[str, Any]] = {}
    for slot, run in _runs([step for step in steps if step.filters]).items():
        if slot.startswith("c"):
            made[slot] = _composite(base_path, run)
        else:
            made[slot] = _scripts(run) if slot.startswith("l") else _chain(run)
    return made


def frames(steps: Sequence[Step]) -> dict[str, str]:
    """The frames that the steps need in files beside Envoy, by id."""
    scripts = [script_of(one) for step in steps if step.is_scripted for one in step.filters]
    return {script.frame_id: script.frame for script in scripts}


def script_of(lua: Filter) -> Script:
    text = lua.typed_config["default_source_code"]["inline_string"]
    found = _SETTINGS.search(text)
    start, end = found.span() if found else (0, 0)
    return Script(f"{text[:start]}{_PLACE}{text[end:]}", text[start:end])


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
    """The first slot from here on that takes the step; one without conditions skips no composite."""
    rest = range(at, len(SLOTS))
    if step.conditions:
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
    scripts = [script_of(one) for one in _each(steps)]
    keys = [f"{script.frame_id}.{_digest(script.settings)}" for script in scripts]
    texts = {key: script.settings for key, script in zip(keys, scripts, strict=True)}
    context = {"order": " ".join(keys), **texts}
    source = "both-ways" if any(script.sees_response for script in scripts) else "requests"
    return {"@type": _LUA + "PerRoute", "name": source, "filter_context": context}


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
    return [{"name": one.name, "typed_config": dict(one.typed_config)} for one in _each(steps)]


def _each(steps: Sequence[Step]) -> list[Filter]:
    return [one for step in steps for one in step.filters]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
