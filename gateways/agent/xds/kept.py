"""Filters that keep what they know while the routes of their port change.

Envoy makes all filters of a port's routes anew with each change of one of them, so what a filter has learned
or counted would be gone whenever a neighbour is deployed. These stand in chains that the port's connection
manager has by name, from a file of its own, and routes say the name: they are made anew when that file
changes. A chain's name is the digest of what stands in it, so that all routes of an API have the same one,
and a changed policy another.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateways.agent.xds.bootstrap import watched
from gateways.agent.xds.choice import EMPTY, MOST_PREDICATES, composite, predicates
from gateways.agent.xds.policy_filters import PolicyFilters

Chains = Mapping[str, Sequence[Mapping[str, Any]]]
"""Filters by the name of their chain."""
KIND = "core.v3.TypedExtensionConfig"


class TooManyConditions(ValueError):
    """The policies have more different conditions than one choice takes."""


def name(port: int) -> str:
    """Of the slot of a port's listener, and of the resource that fills it."""
    return f"kept{port}"


def file_name(port: int) -> str:
    return f"{name(port)}.json"


def slot(port: int, folder: Path) -> dict[str, Any]:
    """The slot, filled by the file."""
    source = {"config_source": watched(folder / file_name(port)), "type_urls": [EMPTY["@type"]]}
    return {"name": name(port), "disabled": True, "config_discovery": source}


def resource(port: int, chains: Chains) -> dict[str, Any]:
    """What the file holds, of the KIND."""
    return {"name": name(port), "typed_config": _choice(chains)}


def inlined(filters: Sequence[dict[str, Any]], chains: Chains) -> list[dict[str, Any]]:
    """A connection manager's filters with the slot filled in place, as no file does it."""
    return [
        {"name": one["name"], "disabled": True, "typed_config": _choice(chains)}
        if "config_discovery" in one
        else one
        for one in filters
    ]


def is_filled(one: Mapping[str, Any]) -> bool:
    """Whether a filter of a connection manager is the slot with chains in it."""
    return "named_filter_chains" in one.get("typed_config", {})


def filled(base_path: str, policies: Sequence[PolicyFilters]) -> tuple[dict[str, Any] | None, Chains]:
    """A route's setting of the slot, and the chains that it names. Raises TooManyConditions."""
    if not policies:
        return None, {}
    if predicates(base_path, policies) > MOST_PREDICATES:
        raise TooManyConditions(
            "policies that keep what they have learned have more than"
            f" {MOST_PREDICATES} different conditions; give some of them the same ones, or none"
        )
    chains: dict[str, Sequence[Mapping[str, Any]]] = {}
    return _named(composite(base_path, policies), chains), chains


def _choice(chains: Chains) -> dict[str, Any]:
    if not chains:
        return EMPTY
    return {**EMPTY, "named_filter_chains": {name: {"typed_config": it} for name, it in chains.items()}}


def _named(setting: Any, chains: dict[str, Sequence[Mapping[str, Any]]]) -> Any:
    """The same with names in the place of chains, which are added."""
    if isinstance(setting, list):
        return [_named(one, chains) for one in setting]
    if not isinstance(setting, dict):
        return setting
    if "filter_chain" not in setting:
        return {key: _named(one, chains) for key, one in setting.items()}
    filters = setting["filter_chain"]["typed_config"]
    digest = hashlib.sha256(json.dumps(filters, sort_keys=True).encode()).hexdigest()[:16]
    chains[digest] = filters
    rest = {key: one for key, one in setting.items() if key != "filter_chain"}
    return {**rest, "filter_chain_name": digest}
