"""From resources to the IR: what refers to what, which API is sound, and why another one is not.

The unit of failure is one ApiInstance with everything that targets it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from gateways.agent import advice, configuration, ir, tls
from gateways.agent import resources as r
from gateways.agent.addresses import BadAddress, listener_address
from gateways.agent.faults import Fault, Faulty, Path, did_you_mean, fault
from gateways.agent.routing import (
    ROUTE,
    Answer,
    Services,
    bound_route,
    config_faults,
    inline_routes,
    rules,
    unfit_for_service,
)
from gateways.agent.taken import Taken
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

    def given(self, key: Key) -> tuple[r.ApiInstance, tuple[r.PolicyBinding, ...]]:
        """The API's own resource and what targets it."""
        return self.apis[key], tuple(self.of_api.get(key, ()))

    def warn(self, resource: r.AnyResource, path: Path, message: str) -> None:
        self.faults.append(fault(resource, path, message, is_warning=True))

    def miss(self, resource: r.AnyResource, path: Path, kind: str, key: Key) -> None:
        known = self.services if kind == "Service" else self.apis
        hint = did_you_mean(key[1], [name for namespace, name in known if namespace == key[0]])
        message = f'there is no {kind} "{key[1]}" in namespace "{key[0]}"{hint}; applied to nothing'
        self.faults.append(fault(resource, path, message))


@dataclass(frozen=True)
class _Known:
    """What an API became, and all that it was made from."""

    given: tuple[r.ApiInstance, tuple[r.PolicyBinding, ...]]
    tls: ir.InboundTls | None
    services: Mapping[Key, Answer]
    api: ir.Api


@dataclass
class Memory:
    """What the APIs became at the last translation."""

    known: Mapping[Key, _Known] = field(default_factory=dict)

    def recalled(self, key: Key, index: _Index, tls_of_ports: Mapping[int, ir.InboundTls]) -> _Known | None:
        """What is known of an API that would become the same again."""
        found = self.known.get(key)
        if found is None or found.given != index.given(key):
            return None
        if found.tls != tls_of_ports.get(found.api.listener.port):
            return None
        services = Services(index.services, index.of_service)
        is_same = all(services.answer(asked) == answer for asked, answer in found.services.items())
        return found if is_same else None


def translate(resources: Sequence[r.AnyResource], memory: Memory | None = None) -> Translation:
    """APIs keep the order of their resources: of two that clash, the later one is refused.

    With a memory, an API of which nothing has changed since the last time is the same object again.
    """
    index = _indexed(resources)
    tls_of_ports = _tls_of_ports(index)
    taken = Taken()
    apis: list[ir.Api] = []
    refused: dict[Key, str] = {}
    memory = memory or Memory()
    known: dict[Key, _Known] = {}
    for key, resource in index.apis.items():
        try:
            found = memory.recalled(key, index, tls_of_ports) or _learned(key, index, tls_of_ports)
            api = found.api
            if clash := taken.conflict(api):
                raise Faulty(fault(resource, ("spec", "address"), clash))
            if not api.routes:
                index.warn(resource, ("spec",), "has no services and no route; it answers 404")
            taken.add(api)
            apis.append(api)
            known[key] = found
        except Faulty as error:
            refused[key] = str(error)
            index.faults += error.faults
    memory.known = known
    settings, faults = configuration.read(resources)
    faults += advice.warnings(resources)
    told = dict.fromkeys((*index.faults, *faults))
    return Translation(replace(settings, apis=tuple(apis)), refused, tuple(told))


def _learned(key: Key, index: _Index, tls_of_ports: Mapping[int, ir.InboundTls]) -> _Known:
    """Raises Faulty."""
    services = Services(index.services, index.of_service)
    resource, bindings = index.given(key)
    api = _api(resource, bindings, services, tls_of_ports)
    return _Known((resource, bindings), tls_of_ports.get(api.listener.port), services.asked, api)


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
    if ref.kind == "Selector":
        wanted = ref.selector.labels if ref.selector else {}
        found = [key for key, api in index.apis.items() if wanted.items() <= api.metadata.labels.items()]
        for key in found:
            index.of_api[key].append(binding)
        if not found:
            index.warn(binding, ("spec", "targetRef"), "no ApiInstance has these labels; applied to nothing")
        return
    if not ref.name:
        hint = ", or write kind: Selector" if ref.selector else ""
        index.faults.append(
            fault(binding, ("spec", "targetRef", "name"), f"is missing; name the {ref.kind}{hint}")
        )
        return
    key = ref.namespace or binding.metadata.namespace, ref.name
    known = index.services if ref.kind == "Service" else index.apis
    if ref.kind == "Service":
        index.faults += unfit_for_service([binding])
    if key not in known:
        index.miss(binding, ("spec", "targetRef", "name"), ref.kind, key)
    else:
        (index.of_service if ref.kind == "Service" else index.of_api)[key].append(binding)


def _api(
    resource: r.ApiInstance,
    bindings: Sequence[r.PolicyBinding],
    services: Services,
    tls_of_ports: Mapping[int, ir.InboundTls],
) -> ir.Api:
    """Raises Faulty with everything that is wrong with the API."""
    faults: list[Fault] = []
    listener, base_path = ir.Listener(0, ""), ""
    routes: list[ir.Route] = []
    policies: list[ir.PolicyUse] = []
    automated: list[ir.PolicyUse] = []
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
                of_many = binding.spec.target_ref.kind == "Selector"
                (automated if of_many else policies).append(_bound_policy(resource, binding))
    if faults:
        raise Faulty(*faults)
    # Of equal order, what holds for many APIs comes before an API's own.
    uses = sorted((*automated, *policies), key=lambda use: (not find(use.policy).runs_first, use.order))
    return ir.Api(*resource.key, listener, base_path, tuple(routes), tuple(uses))


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
    resource: r.ApiInstance, bindings: Sequence[r.PolicyBinding], tls_of_ports: Mapping[int, ir.InboundTls]
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
    """A name for each inline policy that stays its own when another policy comes before it.

    It has a part more than the name of any PolicyBinding.
    """
    seen: Counter[str] = Counter()
    for inline in resource.spec.policies:
        name = inline.policy_ref.name
        seen[name] += 1
        number = f"-{seen[name]}" if seen[name] > 1 else ""
        yield f"{resource.metadata.namespace}/{resource.metadata.name}/{name}{number}"


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
