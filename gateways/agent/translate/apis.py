"""From resources to the IR: what refers to what, which API is sound, and why another one is not.

The unit of failure is one ApiInstance with everything that targets it.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from pydantic import ValidationError

from gateways.agent.translate import configuration, contracts, ir, secrets, tls, warnings
from gateways.agent.translate.conflicts import Taken
from gateways.agent.translate.distributed import unsealed
from gateways.agent.translate.index import Index, Key, indexed
from gateways.agent.translate.modes import observes
from gateways.agent.translate.room import ResourceQuota
from gateways.agent.translate.routes import (
    ROUTE,
    Answer,
    Services,
    bound_route,
    config_faults,
    inline_routes,
    rules,
)
from gateways.agent.translate.use_names import bound_name, inline_names
from gateways.agent.translate.warnings import Warnings
from gateways.protocol import resources as r
from gateways.protocol.addresses import BadAddress, listener_address
from gateways.protocol.faults import Fault, Faulty, Path, fault
from gateways.protocol.rules import Rule
from policies.catalog import UnknownPolicy, find
from policies.contracts.contract import Contract

NOBODY = ir.TrustedProxies()


@dataclass(frozen=True)
class Translation:
    """`refused` names the APIs that are not in `gateway`, with the reason; `faults` is all that was found.

    `contracts` count for what runs of an API, also where it is an older version.
    """

    gateway: ir.Gateway
    refused: dict[Key, str]
    faults: tuple[Fault, ...]
    contracts: tuple[Contract, ...] = ()


@dataclass(frozen=True)
class _Known:
    """What an API became, and all that it was made from."""

    given: tuple[r.ApiInstance, tuple[r.PolicyBinding, ...]]
    tls: ir.InboundTls | None
    services: Mapping[Key, Answer]
    api: ir.Api
    advice: tuple[Fault, ...]


@dataclass
class LastTranslation:
    """What the APIs became at the last translation, and what was said of the resources."""

    known: Mapping[Key, _Known] = field(default_factory=dict)
    warnings: Warnings = field(default_factory=Warnings)
    granted: contracts.Made = field(default_factory=dict)

    def recalled(self, key: Key, index: Index, tls_of_ports: Mapping[int, ir.InboundTls]) -> _Known | None:
        """What is known of an API that would become the same again."""
        found = self.known.get(key)
        if found is None or found.given != index.given(key):
            return None
        if found.tls != tls_of_ports.get(found.api.listener.port):
            return None
        services = Services(index.services, index.of_service)
        is_same = all(services.answer(asked) == answer for asked, answer in found.services.items())
        return found if is_same else None


def translate(
    resources: Sequence[r.AnyResource],
    last: LastTranslation | None = None,
    trusted: ir.TrustedProxies = NOBODY,
) -> Translation:
    """APIs keep the order of their resources: of two that clash, the later one is refused.

    With the last, an API of which nothing has changed since the last time is the same object again.
    `trusted` counts where the resources do not say whose word on callers is taken.
    """
    resources, unused = secrets.filled(resources)
    index = indexed(resources)
    index.faults += unused
    settings, faults = configuration.read(resources, trusted)
    tls_of_ports = _tls_of_ports(index, settings.default_tls)
    taken, room = Taken(), ResourceQuota(settings)
    apis: list[ir.Api] = []
    refused: dict[Key, str] = {}
    last = last or LastTranslation()
    known: dict[Key, _Known] = {}
    for key, resource in index.apis.items():
        try:
            if unguarded := index.unguarded.get(key):
                raise Faulty(*unguarded)
            found = last.recalled(key, index, tls_of_ports) or _learned(key, index, tls_of_ports)
            api = found.api
            if clash := taken.conflict(api):
                raise Faulty(fault(resource, ("spec", "address"), clash))
            if full := room.take(api):
                raise Faulty(fault(resource, ("spec",), full))
            if not api.routes:
                index.warn(resource, ("spec",), "has no services and no route; it answers 404")
            taken.add(api)
            apis.append(api.trusting(settings.default_trust) if settings.default_trust else api)
            known[key] = found
            index.faults += found.advice
        except Faulty as error:
            refused[key] = str(error)
            index.faults += error.faults
    last.known = known
    faults += last.warnings.of(resources)
    granted, ungranted = contracts.granted(index.contracts, last.granted)
    faults += [*ungranted, *contracts.advice(index.contracts, index, apis)]
    faults += unsealed(resources, settings, apis)
    told = dict.fromkeys((*index.faults, *faults))
    return Translation(replace(settings, apis=tuple(apis)), refused, tuple(told), granted)


def _learned(key: Key, index: Index, tls_of_ports: Mapping[int, ir.InboundTls]) -> _Known:
    """Raises Faulty."""
    services = Services(index.services, index.of_service)
    resource, bindings = index.given(key)
    api = _api(resource, bindings, services, tls_of_ports)
    shared = tls_of_ports.get(api.listener.port)
    told = tuple(warnings.of_api(resource, bindings, api))
    return _Known((resource, bindings), shared, services.asked, api, told)


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
    for number, name in enumerate(inline_names(resource)):
        inline = resource.spec.policies[number]
        with _collecting(faults):
            observes(resource, ("spec", "policies", number), inline)
        if inline.policy_ref.name in tls.INBOUND:
            continue
        with _collecting(faults):
            policies.append(_use(resource, ("spec", "policies", number), inline, name, r.DEFAULT_ORDER))
    for binding in ordered:
        with _collecting(faults):
            observes(binding, ("spec",), binding.spec)
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
    return ir.Api(*resource.key, listener, base_path, tuple(routes), tuple(uses), _title(resource, base_path))


def _title(resource: r.ApiInstance, base_path: str) -> str:
    """As the console labels it. The base path makes it one of its own: to a browser who says the same is the
    same, and is given a password again.
    """
    label = resource.metadata.labels.get(r.TITLE, "")
    said = _plain(label).strip()
    return f"{said} at {_plain(base_path) or '/'}" if said else ""


def _plain(text: str) -> str:
    """What may stand between quotation marks in a header: Bestellungen fur Zurich."""
    ascii_alone = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r'[^ -~]|["\\]', "", ascii_alone)


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
    own = _own_tls(resource, bindings)
    if address.scheme == "http":
        if own is not None:
            message = (
                "is http, but a tls policy holds for it; write https, or take it out of the policy's reach"
            )
            raise Faulty(fault(resource, path, message))
        return ir.Listener(address.port, address.host), address.base_path
    shared = tls_of_ports.get(address.port)
    if shared is None:
        raise Faulty(
            fault(resource, path, "is https, which needs a policy tls, inline or in a PolicyBinding")
        )
    if own not in (None, shared):
        raise Faulty(fault(resource, path, f"port {address.port} already has another TLS configuration"))
    return ir.Listener(address.port, address.host, shared), address.base_path


def _own_tls(resource: r.ApiInstance, bindings: Sequence[r.PolicyBinding]) -> ir.InboundTls | None:
    """What the API's tls policies say, all of them the same. Raises Faulty."""
    given: list[tuple[r.AnyResource, Path, r.InlinePolicy | r.PolicyBindingSpec]] = [
        (resource, ("spec", "policies", number), inline)
        for number, inline in enumerate(resource.spec.policies)
    ]
    given += [(binding, ("spec",), binding.spec) for binding in bindings]
    found: ir.InboundTls | None = None
    for owner, path, one in given:
        if one.policy_ref.name not in tls.INBOUND:
            continue
        if one.rules:
            raise Faulty(fault(owner, (*path, "rules"), "tls always holds for the whole port; take them out"))
        secrets.check(owner, (*path, "config"), one.config)
        try:
            own = tls.InboundConfig.model_validate(one.config).to_ir()
        except ValidationError as error:
            raise Faulty(*config_faults(owner, (*path, "config"), error, tls.InboundConfig)) from None
        if found not in (None, own):
            message = f"another tls policy of API {resource.metadata.name} says otherwise; keep one"
            raise Faulty(fault(owner, (*path, "config"), message))
        found = own
    return found


def _tls_of_ports(index: Index, default: ir.InboundTls | None) -> dict[int, ir.InboundTls]:
    """The TLS context of one API covers every API on its port; the first one that is sound decides. Ports of
    APIs that all have none have the gateway's.
    """
    found: dict[int, ir.InboundTls] = {}
    without: list[int] = []
    for key, resource in index.apis.items():
        with suppress(BadAddress, Faulty):
            address = listener_address(resource.spec.address)
            if address.scheme != "https":
                continue
            if (own := _own_tls(*index.given(key))) is not None:
                found.setdefault(address.port, own)
            else:
                without.append(address.port)
    return {**dict.fromkeys(without, default), **found} if default else found


def _bound_policy(resource: r.ApiInstance, binding: r.PolicyBinding) -> ir.PolicyUse:
    return _use(binding, ("spec",), binding.spec, bound_name(resource, binding), binding.spec.order)


def _use(
    resource: r.AnyResource,
    path: Path,
    given: r.InlinePolicy | r.PolicyBindingSpec,
    binding: str,
    order: int,
) -> ir.PolicyUse:
    faults: list[Fault] = []
    conditions: tuple[Rule, ...] = ()
    with _collecting(faults):
        conditions = rules(resource, (*path, "rules"), given.rules)
    try:
        policy = find(given.policy_ref.name)
        if policy.is_outbound:
            message = "is for a Service: write targetRef with kind: Service"
            raise Faulty(*faults, fault(resource, (*path, "policyRef", "name"), message))
        if conditions and not policy.is_resource_level:
            faults.append(fault(resource, (*path, "rules"), f"{policy.name} always holds for the whole API"))
        with _collecting(faults):
            secrets.check(resource, (*path, "config"), given.config)
        config = policy.config.model_validate(given.config)
    except UnknownPolicy as error:
        is_outbound = given.policy_ref.name in tls.OUTBOUND
        message = "is for a Service: write targetRef with kind: Service" if is_outbound else str(error)
        raise Faulty(*faults, fault(resource, (*path, "policyRef", "name"), message)) from None
    except ValidationError as error:
        found = config_faults(resource, (*path, "config"), error, policy.config)
        raise Faulty(*faults, *found) from None
    if faults:
        raise Faulty(*faults)
    is_always = any(condition == Rule() for condition in conditions)
    only_tells = given.mode == "observe"
    return ir.PolicyUse(policy.name, binding, config, order, () if is_always else conditions, only_tells)
