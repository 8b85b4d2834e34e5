"""What is allowed and probably not meant: warnings about single resources, and about what an API became."""

from base64 import b64decode
from collections.abc import Iterator, Sequence

from gateways.agent.translate import ir, tls
from gateways.agent.translate.routes import ROUTE
from gateways.agent.translate.upstream_settings import advice, policy_name
from gateways.agent.translate.use_names import bound_name, inline_names
from gateways.protocol import reach, regex
from gateways.protocol import resources as r
from gateways.protocol.addresses import BadAddress, listener_address, upstream_address
from gateways.protocol.faults import Fault, Path, fault
from gateways.protocol.groups import glue_advice
from policies import order
from policies.advice import advice as policies_advice
from policies.catalog import find

Given = tuple[r.AnyResource, Path, Sequence[r.Rule]]
"""A route as it was written: in which resource, where, for which requests."""
_Told = tuple[int, frozenset[str]]
"""The id of a resource, and the names of the policies that act on it."""


class Warnings:
    """About single resources. Those of a resource that is the same object again are not looked for again."""

    def __init__(self) -> None:
        self._known: dict[_Told, tuple[r.AnyResource, tuple[Fault, ...]]] = {}

    def of(self, resources: Sequence[r.AnyResource]) -> list[Fault]:
        before, acting = self._known, _acting(resources)
        told: list[tuple[r.AnyResource, frozenset[str]]] = [
            (one, acting.get(one.key, frozenset()) if isinstance(one, r.Service) else frozenset())
            for one in resources
        ]
        self._known = {
            (id(one), names): before.get((id(one), names)) or (one, tuple(_of(one, names)))
            for one, names in told
        }
        return [warning for _, found in self._known.values() for warning in found]


def of_api(resource: r.ApiInstance, bindings: Sequence[r.PolicyBinding], api: ir.Api) -> Iterator[Fault]:
    """Of a sound API: rules that are for no request, routes that get none, policies' configurations."""
    ordered = sorted(bindings, key=lambda binding: binding.spec.order)
    routes = [*_inline_routes(resource), *_bound_routes(ordered)]
    for owner, path, given in routes:
        yield from _rules(owner, (*path, "rules"), given, api.base_path)
    for (owner, path, given), route in zip(routes, api.routes, strict=True):
        yield from _glued(owner, (*path, "rules"), given, route)
    for at, before in reach.never_reached([route.rules for route in api.routes]):
        owner, path, _ = routes[at]
        taker = api.routes[before].label
        yield _warning(owner, path, f"gets no request: route {taker} before it takes them all")
    written: dict[str, tuple[r.AnyResource, Path, Sequence[r.Rule]]] = {
        name: (resource, ("spec", "policies", at), inline.rules)
        for at, (name, inline) in enumerate(zip(inline_names(resource), resource.spec.policies, strict=True))
    }
    for one in ordered:
        written[bound_name(resource, one)] = one, ("spec",), one.spec.rules
    for use in api.policies:
        owner, path, rules = written[use.binding]
        yield from _rules(owner, (*path, "rules"), rules, api.base_path)
        for found in policies_advice(find(use.policy), use.config):
            yield _warning(owner, (*path, "config", *found.field.split(".")), found.message)
    uses = [(find(use.policy), use.config) for use in api.policies]
    for at, message in order.misplaced(uses):
        yield _warning(resource, ("spec", "policies"), f"{api.policies[at].policy} {message}")


def _inline_routes(resource: r.ApiInstance) -> Iterator[Given]:
    for name, service in resource.spec.services.items():
        for at, route in enumerate(service.routes):
            yield resource, ("spec", "services", name, "routes", at), route.rules
        if not service.routes:
            yield resource, ("spec", "services", name), ()


def _bound_routes(ordered: Sequence[r.PolicyBinding]) -> Iterator[Given]:
    for binding in ordered:
        if binding.spec.policy_ref.name in ROUTE:
            yield binding, ("spec",), binding.spec.rules


def _rules(owner: r.AnyResource, path: Path, rules: Sequence[r.Rule], base_path: str) -> Iterator[Fault]:
    for at, rule in enumerate(rules):
        given = {"path": rule.path, "methods": rule.methods, "host": rule.host}
        for name, message in reach.advice(given, base_path):
            yield _warning(owner, (*path, at, name), message)


def _glued(owner: r.AnyResource, path: Path, rules: Sequence[r.Rule], route: ir.Route) -> Iterator[Fault]:
    """Rules whose groups are joined to a destination without the slash that the request had."""
    for at, rule in enumerate(rules):
        expression = regex.as_taken(rule.path) if rule.path else ""
        told = {glue_advice(expression, target.destination_path) for target in route.targets}
        for message in sorted(filter(None, told)):
            yield _warning(owner, (*path, at, "path"), message)


def _acting(resources: Sequence[r.AnyResource]) -> dict[tuple[str, str], frozenset[str]]:
    """By Service the names of the policies that are bound to it."""
    found: dict[tuple[str, str], set[str]] = {}
    for one in resources:
        if isinstance(one, r.PolicyBinding) and one.spec.target_ref.kind == "Service":
            ref = one.spec.target_ref
            key = ref.namespace or one.metadata.namespace, ref.name or ""
            found.setdefault(key, set()).add(policy_name(one))
    return {key: frozenset(names) for key, names in found.items()}


def _of(resource: r.AnyResource, policies: frozenset[str]) -> Iterator[Fault]:
    """`policies` are the names of those that act on a Service."""
    if isinstance(resource, r.ApiInstance):
        yield from _listener(resource)
        for name, service in resource.spec.services.items():
            yield from _upstream(resource, ("spec", "services", name, "address"), service.address)
    elif isinstance(resource, r.Service):
        yield from _upstream(resource, ("spec", "address"), resource.spec.address)
        yield from advice(resource, policies)
    elif isinstance(resource, r.PolicyBinding):
        yield from _tls_version(resource)
    elif isinstance(resource, r.Secret):
        yield from _base64(resource)


def _listener(resource: r.ApiInstance) -> Iterator[Fault]:
    try:
        address = listener_address(resource.spec.address)
    except BadAddress:
        return
    if address.is_loopback:
        yield _warning(resource, ("spec", "address"), f"{address.host} is reached from this machine alone")


def _upstream(resource: r.AnyResource, path: Path, text: str) -> Iterator[Fault]:
    try:
        address = upstream_address(text)
    except BadAddress:
        return
    if address.path:
        yield _warning(resource, path, f"the path {address.path} is ignored; write it as destinationPath")
    if address.scheme == "https" and not address.has_port:
        yield _warning(resource, path, "has no port, 443 is used; write it to be clear")


def _tls_version(resource: r.PolicyBinding) -> Iterator[Fault]:
    if resource.spec.policy_ref.name not in (*tls.INBOUND, *tls.OUTBOUND):
        return
    if resource.spec.config.get("minversion") in ("1.0", "1.1"):
        yield _warning(resource, ("spec", "config", "minversion"), "below 1.2 is not safe any more")


def _base64(resource: r.Secret) -> Iterator[Fault]:
    if resource.spec.tls is None:
        return
    for name, text in (("crt", resource.spec.tls.crt), ("key", resource.spec.tls.key)):
        if "-----BEGIN" in text:
            continue
        try:
            b64decode(text, validate=True)
        except ValueError:
            yield _warning(resource, ("spec", "tls", name), "is neither PEM nor base64")


def _warning(resource: r.AnyResource, path: Path, message: str) -> Fault:
    return fault(resource, path, message, is_warning=True)
