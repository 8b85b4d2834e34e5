"""Filters that keep what they know while the routes of their port change.

Envoy makes all filters of a port's routes anew with each change of one of them, so what a filter has learned
or counted would be gone whenever a neighbour is deployed. These stand in places of the port's listener, each
filled by a file of its own, and are made anew when that file changes. A route notes the place and the name
of its API's filters before the listener looks. The name ends with a digest of what they are, so that all
routes of an API have the same ones, and a changed policy others. An API keeps its place; where more than
PLACES of a port need one, some share theirs.

What counts by a name needs no place: it stands in the slot as the route's own, which costs half.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from gateways.agent.xds.access_log import noting
from gateways.agent.xds.bootstrap import watched
from gateways.agent.xds.choice import EMPTY, chosen, composite, predicates, running
from gateways.agent.xds.policy_filters import PolicyFilters
from gateways.protocol.conditions import IN_A_CHOICE
from policies.compiled import TYPE_URL

Chains = Mapping[str, Mapping[str, Any]]
"""What chooses an API's filters for a request, by its name."""
KIND = "core.v3.TypedExtensionConfig"
PLACES = 8
"""A file each, which is written when a port is new."""
_PLACE, _NAME = "gatewright.kept.place", "gatewright.kept.name"
_NOTED = TYPE_URL + "envoy.extensions.matching.common_inputs.network.v3.FilterStateInput"


class TooManyKeptConditions(ValueError):
    """The policies have more different conditions than one choice takes."""


@dataclass(frozen=True)
class Kept:
    """The filters of an API, `name` among those of its place, and what chooses among them."""

    place: int
    name: str
    matcher: Mapping[str, Any]

    @property
    def note(self) -> dict[str, Any]:
        """The filter of a route by which the listener finds them."""
        return noting("gatewright.kept", {_PLACE: str(self.place), _NAME: self.name.replace("%", "%%")})


class Places:
    """Which place of its port an API has: one that it has alone, as long as there is one."""

    def __init__(self, known: Mapping[int, Mapping[str, int]]) -> None:
        self._taken = {port: dict(apis) for port, apis in known.items()}

    def of(self, port: int, api: str) -> int:
        taken = self._taken.setdefault(port, {})
        if api not in taken:
            used = Counter(taken.values())
            taken[api] = min(range(PLACES), key=lambda place: (used[place], place))
        return taken[api]

    def keep(self, wanted: Mapping[int, Mapping[int, Chains]]) -> None:
        """Others are free from now on."""
        self._taken = {port: _apis(places) for port, places in wanted.items()}


@lru_cache(16)
def places(folder: Path) -> Places:
    """Those of a folder's files: they outlive the agent, as what the filters know does."""
    known: dict[int, dict[int, Chains]] = {}
    for path in folder.glob("kept*.json"):
        if found := re.fullmatch(r"kept([0-9]+)\.([0-9]+)\.json", path.name):
            known.setdefault(int(found[1]), {})[int(found[2])] = there(path) or {}
    return Places({port: _apis(places) for port, places in known.items()})


def there(path: Path) -> Chains | None:
    """What stands in a place's file; None where there is none, or it is damaged."""
    try:
        (resource,) = orjson.loads(path.read_bytes())["resources"]
        matcher = resource["typed_config"].get("matcher")
        found = matcher["matcher_tree"]["exact_match_map"]["map"] if matcher else {}
        return {name: one["matcher"] for name, one in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def name(port: int) -> str:
    """Of the slot of a port's listener."""
    return f"kept{port}"


def place_name(port: int, place: int) -> str:
    """Of the resource that fills one of its places."""
    return f"{name(port)}.{place}"


def file_name(port: int, place: int) -> str:
    return f"{place_name(port, place)}.json"


def slot(port: int, folder: Path) -> dict[str, Any]:
    """The slot, whose places the files fill."""
    filled = {str(place): _filled_by(port, place, folder) for place in range(PLACES)}
    return {"name": name(port), "disabled": True, "typed_config": {**EMPTY, "matcher": _by(_PLACE, filled)}}


def resource(port: int, place: int, chains: Chains) -> dict[str, Any]:
    """What the file of a place holds, of the KIND."""
    return {"name": place_name(port, place), "typed_config": _choice(chains)}


def inlined(
    filters: Sequence[dict[str, Any]], port: int, places: Mapping[int, Chains]
) -> list[dict[str, Any]]:
    """A connection manager's filters with the slot filled in place, as no file does it."""
    filled = {str(place): _inline(port, place, chains) for place, chains in places.items() if chains}
    own = {**EMPTY, "matcher": _by(_PLACE, filled)} if filled else EMPTY
    return [{**one, "typed_config": own} if one["name"] == name(port) else one for one in filters]


def is_filled(one: Mapping[str, Any], port: int) -> bool:
    """Whether a filter of a connection manager is the slot with filters in it."""
    return one["name"] == name(port) and "matcher" in one["typed_config"]


def by_place(ones: Iterable[Kept]) -> dict[int, Chains]:
    """What stands in each place of a port."""
    found: dict[int, dict[str, Mapping[str, Any]]] = {place: {} for place in range(PLACES)}
    for one in ones:
        found[one.place][one.name] = one.matcher
    return dict(found)


def kept(api: str, port: int, base_path: str, policies: Sequence[PolicyFilters], folder: Path) -> Kept | None:
    """None where no policy of the API needs a place. Raises TooManyKeptConditions."""
    if predicates(base_path, policies) > IN_A_CHOICE:
        raise TooManyKeptConditions(
            "policies that keep what they have learned have more than"
            f" {IN_A_CHOICE} different conditions; give some of them the same ones, or none"
        )
    if all(one.counts_by_name for one in policies):
        return None
    matcher = chosen(base_path, policies)["matcher"]
    digest = hashlib.sha256(json.dumps(matcher, sort_keys=True).encode()).hexdigest()[:16]
    return Kept(places(folder).of(port, api), f"{api} {digest}", matcher)


def on_route(slot: str, base_path: str, policies: Sequence[PolicyFilters]) -> dict[str, dict[str, Any]]:
    """The slot's setting on a route whose filters need no place."""
    return {slot: composite(base_path, policies)} if policies else {}


def _apis(places: Mapping[int, Iterable[str]]) -> dict[str, int]:
    """The APIs by the names of their filters, each with its place."""
    return {one.rpartition(" ")[0]: place for place, names in places.items() for one in names}


def _filled_by(port: int, place: int, folder: Path) -> dict[str, Any]:
    source = {"config_source": watched(folder / file_name(port, place)), "type_urls": [EMPTY["@type"]]}
    return running({"dynamic_config": {"name": place_name(port, place), "config_discovery": source}})


def _inline(port: int, place: int, chains: Chains) -> dict[str, Any]:
    return running({"typed_config": resource(port, place, chains)})


def _choice(chains: Chains) -> dict[str, Any]:
    if not chains:
        return EMPTY
    return {**EMPTY, "matcher": _by(_NAME, {name: {"matcher": one} for name, one in chains.items()})}


def _by(key: str, actions: Mapping[str, Any]) -> dict[str, Any]:
    """What is noted under this key chooses."""
    noted = {"name": "noted", "typed_config": {"@type": _NOTED, "key": key}}
    return {"matcher_tree": {"input": noted, "exact_match_map": {"map": dict(actions)}}}
