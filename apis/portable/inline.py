"""What stands inside of an ApiInstance, written as the documents beside it that say the same."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from apis.portable import kinds
from gateways.protocol import resources as r

if TYPE_CHECKING:
    from apis.portable.read import FileContent

TWO_WAYS = "API {} has services inside of it; put its routes there, or remove them"
NO_ROUTE = "a route stands in services, or in a PolicyBinding"
VERSION: Final = "gatewright.dev/v1alpha1"
ROUTES = ("route", "route-weighted")


class _Names:
    """Those that are taken; of thousands that are the same, too, each gets its number at once."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._last: Counter[str] = Counter()

    def free(self, name: str) -> str:
        """The name, or the first with a number behind it that is nobody's."""
        found = name
        while found in self._taken:
            self._last[name] += 1
            found = f"{name}-{self._last[name] + 1}"
        self._taken.add(found)
        return found


def unfold(found: "FileContent") -> None:
    """Puts them among the file's documents, so that they are read, and refused, as those are. What is said of
    them names their place: `found.inside` holds it. Routes that stand inside and beside are a fault.
    """
    beside = found.bindings
    for one in beside.values():
        api = found.apis.get(one.spec.target_ref.name or "") if _is_route(one) else None
        if api and api.spec.services:
            text = f"PolicyBinding {one.metadata.name}: {TWO_WAYS.format(api.metadata.name)}"
            found.faults.add(found.line("PolicyBinding", one.metadata.name), text)
    made: dict[str, r.PolicyBinding] = {}
    names, services = _Names(beside), _Names(found.services)
    for api in found.apis.values():
        for binding, place in (*_routes(found, api, services), *_policies(found, api)):
            name = names.free(binding.metadata.name)
            made[name] = _named(binding, name)
            _note(found, "PolicyBinding", name, api, place)
    # Of equal order those inside come first, as on a gateway.
    found.bindings = {**made, **beside}


def _routes(
    found: "FileContent", api: r.ApiInstance, names: "_Names"
) -> Iterator[tuple[r.PolicyBinding, str]]:
    """In the order written. A service has one path here: for each that its routes write one is made."""
    order = count(1)
    for name, service in api.spec.services.items():
        named: dict[str, str] = {}
        for at, route in enumerate(service.routes or (r.ServiceRoute(),)):
            path = route.config.destination_path
            if path not in named:
                named[path] = names.free(f"{api.metadata.name}-{name}")
                _service(found, api, named[path], name)
            config: dict[str, Any] = {"destinationRef": {"name": named[path]}}
            config |= {"destinationPath": path} if path else {}
            place = f"spec.services.{name}" + (f".routes.{at}" if service.routes else "")
            told = {"config": config, "rules": route.rules, "order": next(order)}
            yield _binding(api, f"{name}-route-{at + 1}", "route", told), place


def _service(found: "FileContent", api: r.ApiInstance, name: str, inside: str) -> None:
    spec = r.ServiceSpec(address=api.spec.services[inside].address)
    metadata = r.Metadata(name=name, namespace=api.metadata.namespace)
    found.services[name] = r.Service(api_version=VERSION, kind="Service", metadata=metadata, spec=spec)
    _note(found, "Service", name, api, f"spec.services.{inside}")


def _policies(found: "FileContent", api: r.ApiInstance) -> Iterator[tuple[r.PolicyBinding, str]]:
    for at, one in enumerate(api.spec.policies):
        name, place = one.policy_ref.name, f"spec.policies.{at}"
        if name in ROUTES:
            text = f"ApiInstance {api.metadata.name}: {place}: {NO_ROUTE}"
            found.faults.add(found.line("ApiInstance", api.metadata.name), text)
            continue
        told = {"config": one.config, "rules": one.rules, "mode": one.mode, "order": r.DEFAULT_ORDER}
        yield _binding(api, name, name, told), place


def _binding(api: r.ApiInstance, name: str, policy: str, told: dict[str, Any]) -> r.PolicyBinding:
    """A `tls` policy inside means the API's own context, where its annotation names one."""
    context = api.metadata.annotations.get(kinds.TLS)
    return r.PolicyBinding(
        api_version=VERSION,
        kind="PolicyBinding",
        metadata=r.Metadata(
            name=re.sub(r"[^\w.@-]", "-", f"{api.metadata.name}-{name}"),
            namespace=api.metadata.namespace,
            annotations={kinds.TLS: context} if context else {},
        ),
        spec=r.PolicyBindingSpec(
            target_ref=r.TargetRef(name=api.metadata.name), policy_ref=r.PolicyRef(name=policy), **told
        ),
    )


def _named(binding: r.PolicyBinding, name: str) -> r.PolicyBinding:
    return binding.model_copy(update={"metadata": binding.metadata.model_copy(update={"name": name})})


def _is_route(one: r.PolicyBinding) -> bool:
    return one.spec.policy_ref.name in ROUTES and one.spec.target_ref.kind == "ApiInstance"


def _note(found: "FileContent", kind: str, name: str, api: r.ApiInstance, place: str) -> None:
    found.lines[kind, name] = found.line("ApiInstance", api.metadata.name)
    found.inside[kind, name] = f"ApiInstance {api.metadata.name}: {place}"
