"""Which APIs a document that is not read may be about: they wait for it, the others go on.

A broken document may be what guards an API, so none that it is or may be about changes: what runs keeps
its last good version, what is new stays out. Where nobody can know what it is about, that is all of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateways.agent.translate.index import Key
from gateways.agent.translate.routes import ROUTE
from gateways.protocol import resources as r

WITHOUT_EFFECT = ("Secret", "Contract", "Extension")


@dataclass(frozen=True)
class Broken:
    """A document's plain values, as far as there are any, and what is wrong with it."""

    data: Any
    reason: str


class Unknown(Exception):
    """Nobody can know which API the document is about."""


def held(broken: Iterable[Broken], resources: Sequence[r.AnyResource]) -> dict[Key, str]:
    """The APIs that wait, each with the reason. Raises Unknown where all of them do."""
    found: dict[Key, str] = {}
    for one in broken:
        for key in _about(one.data, resources):
            found.setdefault(key, one.reason)
    return found


def _about(data: Any, resources: Sequence[r.AnyResource]) -> Iterator[Key]:
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind in WITHOUT_EFFECT or kind == "Service":
        # An API whose routes lead to a missing Service is refused for that.
        return
    if kind == "ApiInstance":
        yield _key(data.get("metadata"), "default")
    elif kind == "PolicyBinding":
        spec = data.get("spec")
        target = spec.get("targetRef") if isinstance(spec, dict) else None
        metadata = data.get("metadata")
        own = metadata.get("namespace") if isinstance(metadata, dict) else None
        yield from _targeted(target, own or "default", resources)
    else:
        raise Unknown


def _targeted(target: Any, namespace: str, resources: Sequence[r.AnyResource]) -> Iterator[Key]:
    if not isinstance(target, dict):
        raise Unknown
    kind, selector = target.get("kind", "ApiInstance"), target.get("selector")
    if selector is not None or kind == "Selector":
        labels = selector.get("labels") if isinstance(selector, dict) else None
        if not isinstance(labels, dict) or not labels:
            raise Unknown
        yield from _labelled(labels, resources)
    if kind == "Selector":
        return
    if kind == "Service":
        yield from _leading_to(_key(target, namespace), resources)
    elif kind == "ApiInstance":
        yield _key(target, namespace)
    else:
        raise Unknown


def _key(named: Any, namespace: str) -> Key:
    if not isinstance(named, dict):
        raise Unknown
    name, own = named.get("name"), named.get("namespace") or namespace
    if not isinstance(name, str) or not isinstance(own, str):
        raise Unknown
    return own, name


def _labelled(labels: Mapping[Any, Any], resources: Sequence[r.AnyResource]) -> Iterator[Key]:
    for one in resources:
        if isinstance(one, r.ApiInstance) and labels.items() <= one.metadata.labels.items():
            yield one.key


def _leading_to(service: Key, resources: Sequence[r.AnyResource]) -> Iterator[Key]:
    for one in resources:
        if not isinstance(one, r.PolicyBinding) or one.spec.policy_ref.name not in ROUTE:
            continue
        namespace = one.metadata.namespace
        if service in _destinations(one.spec.config, namespace):
            target = one.spec.target_ref.model_dump(by_alias=True, exclude_none=True)
            yield from _targeted(target, namespace, resources)


def _destinations(config: Mapping[str, Any], namespace: str) -> Iterator[Key]:
    routes = config.get("routes")
    for one in (config, *(routes if isinstance(routes, list) else ())):
        ref = one.get("destinationRef") if isinstance(one, dict) else None
        if isinstance(ref, dict):
            yield str(ref.get("namespace") or namespace), str(ref.get("name"))
