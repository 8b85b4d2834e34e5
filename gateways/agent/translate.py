"""From resources to the IR: what refers to what, which API is sound, and why another one is not.

The unit of failure is one ApiInstance with everything that targets it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from gateways.agent import advice, configuration, ir, tls
from gateways.agent import resources as r
from gateways.agent.addresses import BadAddress, listener_address
from gateways.agent.faults import Fault, Faulty, Path, did_you_mean, fault
from gateways.agent.routing import ROUTE, Services, bound_route, config_faults, inline_routes, rules
from policies.catalog import UnknownPolicy, find

Key = tuple[str, str]


@dataclass(frozen=True)
class Translation:
    """`refused` names the APIs that are not in `gateway`, with the reason; `faults` is all that was found."""

    gateway: ir.Gateway
    refused: dict[Key, str]
    faults: tuple[Fault, ...]


@dataclass
class _Index:
    """The resources by what they are and what they target."""

    apis: dict[Key, r.ApiInstance] = field(default_factory=dict)
    services: dict[Key, r.Service] = field(default_factory=dict)
    of_api: dict[Key, list[r.PolicyBinding]] = field(default_factory=lambda: defaultdict(list))
    of_service: dict[Key, list[r.PolicyBinding]] = field(default_factory=lambda: defaultdict(list))
    faults: list[Fault] = field(default_factory=list)

    def warn(self, resource: r.AnyResource, path: Path, message: str) -> None:
        self.faults.append(fault(resource, path, message, is_warning=True))

    def miss(self, resource: r.AnyResource, path: Path, kind: str, key: Key) -> None:
        known = self.services if kind == "Service" else self.apis
        hint = did_you_mean(key[1], [name for namespace, name in known if namespace == key[0]])
        message = f'there is no {kind} "{key[1]}" in namespace "{key[0]}"{hint}; applied to nothing'
        self.faults.append(fault(resource, path, message))


def translate(resources: Sequence[r.AnyResource]) -> Translation:
    """APIs keep the order of their resources: of two that clash, the later one is refused."""
    index = _indexed(resources)
    services = Services(index.services, index.of_service)
    tls_of_ports = _tls_of_ports(index)
    apis: list[ir.Api] = []
    refused: dict[Key, str] = {}
    for key, resource in index.apis.items():
        try:
            api = _api(resource, index.of_api[key], services, tls_of_ports)
            if clash := conflict(api, apis):
                raise Faulty(fault(resource, ("spec", "address"), clash))
            if not api.routes:
                index.warn(resource, ("spec",), "has no services and no route; it answers 404")
            apis.append(api)
        except Faulty as error:
            refused[key] = str(error)
            index.faults += error.faults
    settings, faults = configuration.read(resources)
    faults += advice.warnings(resources)
    return Translation(replace(settings, apis=tuple(apis)), refused, (*index.faults, *faults))


def conflict(api: ir.Api, others: Iterable[ir.Api]) -> str | None:
    """Why the API cannot stand beside the others on its port."""
    mine, base = api.listener, f"{api.base_path}/"
    for other in others:
        theirs = other.listener
        if theirs.port != mine.port:
            continue
        if theirs.host != mine.host:
            return f"port {mine.port} is taken by API {other.name} on {theirs.host}; use the same address"
        if (theirs.tls is None) != (mine.tls is None):
            return f"port {mine.port} is taken by API {other.name} with the other scheme; use another port"
        taken = f"{other.base_path}/"
        if base.startswith(taken) or taken.startswith(base):
            return (
                f"base path {api.base_path or '/'} on port {mine.port} overlaps {other.base_path or '/'}"
                f" of API {other.name}; choose another base path or port"
            )
    return None


def targets(binding: r.PolicyBinding, apis: Sequence[r.ApiInstance]) -> list[r.ApiInstance]:
    """The ApiInstances that a binding applies to; empty for one that targets a Service."""
    ref = binding.spec.target_ref
    if ref.kind == "Selector":
        wanted = ref.selector.labels if ref.selector else {}
        return [api for api in apis if wanted.items() <= api.metadata.labels.items()]
    key = ref.namespace or binding.metadata.namespace, ref.name
    return [api for api in apis if ref.kind == "ApiInstance" and api.key == key]


def _indexed(resources: Sequence[r.AnyResource]) -> _Index:
    index = _Index()
    for resource in resources:
        if isinstance(resource, r.ApiInstance):
            _add(index, index.apis, resource)
        elif isinstance(resource, r.Service):
            _add(index, index.services, resource)
    for resource in resources:
        if isinstance(resource, r.PolicyBinding):
            _bind(index, resource)
        elif isinstance(resource, r.Contract | r.Secret | r.Extension):
            index.warn(resource, ("kind",), f"{resource.kind} is not supported yet; ignored")
        if isinstance(resource, r.Contract):
            key = resource.metadata.namespace, resource.spec.api_id
            if key not in index.apis:
                index.miss(resource, ("spec", "apiId"), "ApiInstance", key)
    return index


def _add(index: _Index, known: dict[Key, Any], resource: r.ApiInstance | r.Service) -> None:
    if resource.key in known:
        message = f'there already is a {resource.kind} "{resource.metadata.name}" in its namespace; ignored'
        index.faults.append(fault(resource, ("metadata", "name"), message))
        return
    known[resource.key] = resource


def _bind(index: _Index, binding: r.PolicyBinding) -> None:
    ref = binding.spec.target_ref
    found = targets(binding, list(index.apis.values()))
    for api in found:
        index.of_api[api.key].append(binding)
    if ref.kind == "Selector":
        if not found:
            index.warn(binding, ("spec", "targetRef"), "no ApiInstance has these labels; applied to nothing")
        return
    key = ref.namespace or binding.metadata.namespace, ref.name or ""
    known = index.services if ref.kind == "Service" else index.apis
    if key not in known:
        index.miss(binding, ("spec", "targetRef", "name"), ref.kind, key)
    elif ref.kind == "Service":
        index.of_service[key].append(binding)


def _api(
    resource: r.ApiInstance,
    bindings: Sequence[r.PolicyBinding],
    services: Services,
    tls_of_ports: dict[int, ir.InboundTls],
) -> ir.Api:
    """Raises Faulty with everything that is wrong with the API."""
    faults: list[Fault] = []
    listener, base_path = ir.Listener(0, ""), ""
    routes: list[ir.Route] = []
    policies: list[ir.PolicyUse] = []
    ordered = sorted(bindings, key=lambda binding: binding.spec.order)
    with _collecting(faults):
        listener, base_path = _listener(resource, ordered, tls_of_ports)
    with _collecting(faults):
        routes += inline_routes(resource)
    for number, name in enumerate(_inline_names(resource)):
        with _collecting(faults):
            inline = resource.spec.policies[number]
            policies.append(_use(resource, ("spec", "policies", number), inline, name, r.DEFAULT_ORDER))
    for binding in ordered:
        with _collecting(faults):
            if binding.spec.policy_ref.name in ROUTE:
                _check_style(resource, binding)
                routes.append(bound_route(binding, services))
            elif binding.spec.policy_ref.name not in tls.INBOUND:
                policies.append(_bound_policy(resource, binding))
    if faults:
        raise Faulty(*faults)
    policies.sort(key=lambda use: (not find(use.policy).runs_first, use.order))
    return ir.Api(*resource.key, listener, base_path, tuple(routes), tuple(policies))


@contextmanager
def _collecting(faults: list[Fault]) -> Iterator[None]:
    try:
        yield
    except Faulty as error:
        faults += error.faults


def _check_style(resource: r.ApiInstance, binding: r.PolicyBinding) -> None:
    if resource.spec.services:
        message = f"API {resource.metadata.name} has inline services; put its routes there, or remove them"
        raise Faulty(fault(binding, ("spec", "policyRef", "name"), message))


def _listener(
    resource: r.ApiInstance, bindings: Sequence[r.PolicyBinding], tls_of_ports: dict[int, ir.InboundTls]
) -> tuple[ir.Listener, str]:
    path: Path = ("spec", "address")
    try:
        address = listener_address(resource.spec.address)
    except BadAddress as error:
        raise Faulty(fault(resource, path, str(error))) from None
    own = _own_tls(bindings)
    if address.scheme == "http":
        if any(binding.spec.target_ref.kind == "ApiInstance" for binding in bindings if _is_tls(binding)):
            raise Faulty(fault(resource, path, "is http, but a tls binding targets it; write https"))
        return ir.Listener(address.port, address.host), address.base_path
    shared = tls_of_ports.get(address.port)
    if shared is None:
        raise Faulty(fault(resource, path, "is https, which needs a PolicyBinding with policyRef tls"))
    if own not in (None, shared):
        raise Faulty(fault(resource, path, f"port {address.port} already has another TLS configuration"))
    return ir.Listener(address.port, address.host, shared), address.base_path


def _is_tls(binding: r.PolicyBinding) -> bool:
    return binding.spec.policy_ref.name in tls.INBOUND


def _own_tls(bindings: Sequence[r.PolicyBinding]) -> ir.InboundTls | None:
    for binding in bindings:
        if _is_tls(binding):
            try:
                return tls.InboundConfig.model_validate(binding.spec.config).to_ir()
            except ValidationError as error:
                raise Faulty(*config_faults(binding, ("spec", "config"), error)) from None
    return None


def _tls_of_ports(index: _Index) -> dict[int, ir.InboundTls]:
    """The TLS context of one API covers every API on its port; the first one that is sound decides."""
    found: dict[int, ir.InboundTls] = {}
    for key, resource in index.apis.items():
        with suppress(BadAddress, Faulty):
            address, own = listener_address(resource.spec.address), _own_tls(index.of_api[key])
            if own is not None and address.scheme == "https":
                found.setdefault(address.port, own)
    return found


def _inline_names(resource: r.ApiInstance) -> Iterator[str]:
    """A name for each inline policy that stays its own when another policy comes before it."""
    seen: Counter[str] = Counter()
    for inline in resource.spec.policies:
        name = inline.policy_ref.name
        seen[name] += 1
        number = f"-{seen[name]}" if seen[name] > 1 else ""
        yield f"{resource.metadata.namespace}/{resource.metadata.name}-{name}{number}"


def _bound_policy(resource: r.ApiInstance, binding: r.PolicyBinding) -> ir.PolicyUse:
    """A binding by selector is one use on each API, with counters of its own."""
    name = "/".join(binding.key)
    if binding.spec.target_ref.kind == "Selector":
        name += "@" + "/".join(resource.key)
    return _use(binding, ("spec",), binding.spec, name, binding.spec.order)


def _use(
    resource: r.AnyResource,
    path: Path,
    given: r.InlinePolicy | r.PolicyBindingSpec,
    binding: str,
    order: int,
) -> ir.PolicyUse:
    faults: list[Fault] = []
    conditions: tuple[ir.Rule, ...] = ()
    with _collecting(faults):
        conditions = rules(resource, (*path, "rules"), given.rules)
    try:
        policy = find(given.policy_ref.name)
        if conditions and not policy.is_resource_level:
            faults.append(fault(resource, (*path, "rules"), f"{policy.name} always holds for the whole API"))
        config = policy.config.model_validate(given.config)
    except UnknownPolicy as error:
        raise Faulty(*faults, fault(resource, (*path, "policyRef", "name"), str(error))) from None
    except ValidationError as error:
        raise Faulty(*faults, *config_faults(resource, (*path, "config"), error)) from None
    if faults:
        raise Faulty(*faults)
    is_always = any(condition == ir.Rule() for condition in conditions)
    return ir.PolicyUse(policy.name, binding, config, order, () if is_always else conditions)
