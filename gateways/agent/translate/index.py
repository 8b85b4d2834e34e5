"""The resources by what they are and what they target, and the APIs that would stand unguarded."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateways.agent.translate.routes import unfit_for_service
from gateways.protocol import resources as r
from gateways.protocol.faults import Fault, Path, did_you_mean, fault

Key = tuple[str, str]

_IGNORED = {
    "Extension": "Extension is not supported yet; ignored: policies are those of the catalog",
}


@dataclass
class Index:
    """The resources by what they are and what they target."""

    apis: dict[Key, r.ApiInstance] = field(default_factory=dict)
    services: dict[Key, r.Service] = field(default_factory=dict)
    of_api: dict[Key, list[r.PolicyBinding]] = field(default_factory=lambda: defaultdict(list))
    of_service: dict[Key, list[r.PolicyBinding]] = field(default_factory=lambda: defaultdict(list))
    contracts: list[r.Contract] = field(default_factory=list)
    extensions: set[Key] = field(default_factory=set)
    bindings: set[Key] = field(default_factory=set)
    unguarded: dict[Key, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    faults: list[Fault] = field(default_factory=list)

    def given(self, key: Key) -> tuple[r.ApiInstance, tuple[r.PolicyBinding, ...]]:
        """The API's own resource and what targets it."""
        return self.apis[key], tuple(self.of_api.get(key, ()))

    def selected(self, ref: r.TargetRef) -> list[Key]:
        """The APIs that have the labels of its selector, which may have none."""
        wanted = ref.selector.labels if ref.selector else {}
        return [key for key, api in self.apis.items() if wanted.items() <= api.metadata.labels.items()]

    def refuse(self, found: Fault, keys: Iterable[Key]) -> None:
        """These APIs would run without what was meant to guard them."""
        self.faults.append(found)
        for key in keys:
            self.unguarded[key].append(found)

    def warn(self, resource: r.AnyResource, path: Path, message: str) -> None:
        self.faults.append(fault(resource, path, message, is_warning=True))

    def miss(self, resource: r.AnyResource, path: Path, kind: str, key: Key) -> None:
        known = self.services if kind == "Service" else self.apis
        hint = did_you_mean(key[1], [name for namespace, name in known if namespace == key[0]])
        message = f'there is no {kind} "{key[1]}" in namespace "{key[0]}"{hint}; applied to nothing'
        self.faults.append(fault(resource, path, message))


def indexed(resources: Sequence[r.AnyResource]) -> Index:
    index = Index()
    for resource in resources:
        if isinstance(resource, r.ApiInstance):
            _add(index, index.apis, resource)
        elif isinstance(resource, r.Service):
            _add(index, index.services, resource)
        elif isinstance(resource, r.Extension):
            index.extensions.add((resource.metadata.namespace, resource.metadata.name))
    for resource in resources:
        if isinstance(resource, r.PolicyBinding):
            _bind(index, resource)
        elif isinstance(resource, r.Extension):
            index.warn(resource, ("kind",), _IGNORED[resource.kind])
        elif isinstance(resource, r.Contract):
            index.contracts.append(resource)
            key = resource.metadata.namespace, resource.spec.api_id
            if key not in index.apis:
                index.miss(resource, ("spec", "apiId"), "ApiInstance", key)
    if index.extensions:
        _refuse_extended(index)
    return index


def _add(index: Index, known: dict[Key, Any], resource: r.ApiInstance | r.Service) -> None:
    if resource.key in known:
        message = f'there already is a {resource.kind} "{resource.metadata.name}" in its namespace; ignored'
        index.faults.append(fault(resource, ("metadata", "name"), message))
        return
    known[resource.key] = resource


def _refuse_extended(index: Index) -> None:
    """APIs with a policy of which these files bring an implementation of their own, which nobody runs."""
    for key, api in index.apis.items():
        given: list[tuple[r.AnyResource, Path, r.PolicyRef]] = [
            (api, ("spec", "policies", at, "policyRef", "name"), one.policy_ref)
            for at, one in enumerate(api.spec.policies)
        ]
        path: Path = ("spec", "policyRef", "name")
        given += [(binding, path, binding.spec.policy_ref) for binding in index.of_api.get(key, ())]
        for owner, where, ref in given:
            if (ref.namespace or owner.metadata.namespace, ref.name) in index.extensions:
                message = (
                    f'is Extension "{ref.name}" of these resources, and extensions of your own are not run; '
                    "take it out, where the catalog's policy of that name is meant"
                )
                index.refuse(fault(owner, where, message), [key])


def _bind(index: Index, binding: r.PolicyBinding) -> None:
    ref = binding.spec.target_ref
    named = ref.namespace or binding.metadata.namespace, ref.name or ""
    if binding.key in index.bindings:
        message = f'there already is a PolicyBinding "{binding.metadata.name}" in its namespace; rename one'
        met = index.selected(ref) if ref.kind == "Selector" else [named]
        index.refuse(fault(binding, ("metadata", "name"), message), met)
        return
    index.bindings.add(binding.key)
    if ref.selector and ref.kind != "Selector":
        message = f"is {ref.kind}, but there is a selector; write kind: Selector, or take the selector out"
        index.refuse(fault(binding, ("spec", "targetRef", "kind"), message), [*index.selected(ref), named])
        return
    if ref.name and ref.kind == "Selector":
        message = "has no place beside a selector; take one of them out"
        index.refuse(fault(binding, ("spec", "targetRef", "name"), message), [*index.selected(ref), named])
        return
    if ref.kind == "Selector":
        found = index.selected(ref)
        for key in found:
            index.of_api[key].append(binding)
        if not found:
            index.warn(binding, ("spec", "targetRef"), "no ApiInstance has these labels; applied to nothing")
        return
    if not ref.name:
        index.faults.append(fault(binding, ("spec", "targetRef", "name"), f"is missing; name the {ref.kind}"))
        return
    key = named
    known = index.services if ref.kind == "Service" else index.apis
    if ref.kind == "Service":
        index.faults += unfit_for_service([binding])
    if key not in known:
        index.miss(binding, ("spec", "targetRef", "name"), ref.kind, key)
    else:
        (index.of_service if ref.kind == "Service" else index.of_api)[key].append(binding)
