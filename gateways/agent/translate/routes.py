"""From an API's inline services or its `route` bindings to its routes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import Field, ValidationError, field_validator

from gateways.agent.translate import ir, secrets, tls
from gateways.agent.translate.modes import observes
from gateways.agent.translate.upstream_settings import settled
from gateways.protocol import regex
from gateways.protocol import resources as r
from gateways.protocol.addresses import PATH, BadAddress, upstream_address
from gateways.protocol.faults import Fault, Faulty, Path, did_you_mean, explained, fault
from gateways.protocol.rules import EVERY_PATH, Rule
from gateways.protocol.spelling import is_ambiguous
from policies.catalog import UnknownPolicy, find
from policies.fields.headers import TOKEN

ROUTE = ("route", "route-weighted")


class DestinationRef(r.Model):
    name: str
    kind: str = "Service"
    namespace: str = ""


class RouteConfig(r.Model):
    destination_ref: DestinationRef
    destination_path: str = "/"


class WeightedRoute(RouteConfig):
    weight: int = Field(ge=1, le=100)


class RouteWeightedConfig(r.Model):
    routes: tuple[WeightedRoute, ...]

    @field_validator("routes")
    @classmethod
    def _leads_somewhere(cls, routes: tuple[WeightedRoute, ...]) -> tuple[WeightedRoute, ...]:
        if not routes:
            raise ValueError("is empty; give at least one destination")
        return routes


Answer = tuple[r.Service | None, tuple[r.PolicyBinding, ...]]
"""The Service of a key, and the bindings that target it."""


@dataclass(frozen=True)
class Services:
    """The Service resources, and the bindings that target each; `asked` is what was looked up."""

    by_key: Mapping[tuple[str, str], r.Service]
    bindings: Mapping[tuple[str, str], Sequence[r.PolicyBinding]]
    asked: dict[tuple[str, str], Answer] = field(default_factory=dict)

    def answer(self, key: tuple[str, str]) -> Answer:
        return self.by_key.get(key), tuple(self.bindings.get(key, ()))

    def upstream(self, binding: r.PolicyBinding, path: Path, ref: DestinationRef) -> ir.Upstream:
        key = ref.namespace or binding.metadata.namespace, ref.name
        service, _ = self.asked[key] = self.answer(key)
        if service is None:
            hint = did_you_mean(ref.name, [name for namespace, name in self.by_key if namespace == key[0]])
            message = f'there is no Service "{ref.name}" in namespace "{key[0]}"{hint}'
            raise Faulty(fault(binding, (*path, "destinationRef", "name"), message))
        made = _upstream(service, ("spec", "address"), service.spec.address, ref.name, self._tls(service))
        settings = settled(service, self.bindings.get(service.key, ()))
        return replace(
            made,
            policies=self._policies(service),
            settings=settings,
            is_http2=made.is_http2 or settings.http2,
        )

    def _policies(self, service: r.Service) -> tuple[ir.PolicyUse, ...]:
        bindings = sorted(self.bindings.get(service.key, ()), key=lambda one: one.spec.order)
        return tuple(_outbound(one) for one in bindings if one.spec.policy_ref.name not in tls.OUTBOUND)

    def _tls(self, service: r.Service) -> ir.OutboundTls:
        found: ir.OutboundTls | None = None
        bindings = self.bindings.get(service.key, ())
        if faults := unfit_for_service(bindings):
            raise Faulty(*faults)
        for binding in bindings:
            observes(binding, ("spec",), binding.spec)
            if binding.spec.policy_ref.name not in tls.OUTBOUND:
                continue
            if not service.spec.address.startswith("https:"):
                message = f"Service {service.metadata.name} is not https; change its address"
                raise Faulty(fault(binding, ("spec", "targetRef", "name"), message))
            if binding.spec.rules:
                message = "tls-outbound always holds for the whole Service; take them out"
                raise Faulty(fault(binding, ("spec", "rules"), message))
            secrets.check(binding, ("spec", "config"), binding.spec.config)
            try:
                own = tls.OutboundConfig.model_validate(binding.spec.config).to_ir()
            except ValidationError as error:
                path = ("spec", "config")
                raise Faulty(*config_faults(binding, path, error, tls.OutboundConfig)) from None
            if found not in (None, own):
                message = f"another tls-outbound of Service {service.metadata.name} says otherwise; keep one"
                raise Faulty(fault(binding, ("spec", "config"), message))
            found = own
        return found or ir.OutboundTls()


def _outbound(binding: r.PolicyBinding) -> ir.PolicyUse:
    """Raises Faulty."""
    policy = find(binding.spec.policy_ref.name)
    if binding.spec.rules:
        message = f"{policy.name} always holds for the whole Service; take them out"
        raise Faulty(fault(binding, ("spec", "rules"), message))
    secrets.check(binding, ("spec", "config"), binding.spec.config)
    try:
        config = policy.config.model_validate(binding.spec.config)
    except ValidationError as error:
        raise Faulty(*config_faults(binding, ("spec", "config"), error, policy.config)) from None
    return ir.PolicyUse(policy.name, "/".join(binding.key), config, binding.spec.order)


def unfit_for_service(bindings: Iterable[r.PolicyBinding]) -> list[Fault]:
    """Faults of the bindings of one Service whose policies do not work there."""
    named = [(one, one.spec.policy_ref.name) for one in bindings]
    return [
        fault(binding, ("spec", "policyRef", "name"), f'policy "{name}" {why}')
        for binding, name in named
        if name not in tls.OUTBOUND and (why := _why_not_outbound(name))
    ]


def _why_not_outbound(name: str) -> str:
    try:
        return "" if find(name).is_outbound else "is for an API: write targetRef with kind: ApiInstance"
    except UnknownPolicy:
        return "cannot be applied to a Service yet"


def inline_routes(api: r.ApiInstance) -> Iterator[ir.Route]:
    """In the order written; a service without routes takes every request. Raises Faulty."""
    for name, service in api.spec.services.items():
        path: Path = ("spec", "services", name)
        upstream = _upstream(
            api, (*path, "address"), service.address, f"{api.metadata.name}-{name}", ir.OutboundTls()
        )
        for number, route in enumerate(service.routes or (r.ServiceRoute(),), 1):
            at = (*path, "routes", number - 1)
            destination = _destination(api, (*at, "config", "destinationPath"), route.config.destination_path)
            yield ir.Route(
                label=f"{name}-route-{number}",
                rules=rules(api, (*at, "rules"), route.rules),
                targets=(ir.WeightedTarget(upstream, destination_path=destination),),
            )


def bound_route(binding: r.PolicyBinding, services: Services) -> ir.Route:
    """The route of one `route` or `route-weighted` binding. Raises Faulty."""
    config: Path = ("spec", "config")
    is_single = binding.spec.policy_ref.name == "route"
    try:
        if is_single:
            single = RouteConfig.model_validate(binding.spec.config)
            chosen = [(config, WeightedRoute(weight=1, **dict(single)))]
        else:
            weighted = RouteWeightedConfig.model_validate(binding.spec.config)
            chosen = [((*config, "routes", index), one) for index, one in enumerate(weighted.routes)]
    except ValidationError as error:
        shape = RouteConfig if is_single else RouteWeightedConfig
        raise Faulty(*config_faults(binding, config, error, shape)) from None
    return ir.Route(
        label=binding.metadata.annotations.get(r.ROUTE_LABEL) or binding.metadata.name,
        rules=rules(binding, ("spec", "rules"), binding.spec.rules),
        targets=tuple(
            ir.WeightedTarget(
                upstream=services.upstream(binding, path, route.destination_ref),
                weight=route.weight,
                destination_path=_destination(binding, (*path, "destinationPath"), route.destination_path),
            )
            for path, route in chosen
        ),
    )


def rules(resource: r.AnyResource, path: Path, given: Sequence[r.Rule]) -> tuple[Rule, ...]:
    """Raises Faulty for expressions that Envoy would refuse."""
    taken = [rule.model_copy(update={"path": rule.path and regex.as_taken(rule.path)}) for rule in given]
    faults = [
        found for index, rule in enumerate(taken) for found in _rule_faults(resource, (*path, index), rule)
    ]
    if faults:
        raise Faulty(*faults)
    return tuple(map(_rule, taken))


def config_faults(resource: r.AnyResource, path: Path, error: ValidationError, shape: Any) -> Iterator[Fault]:
    """`shape` is the model that the configuration is of."""
    for where, message in explained(error, shape):
        yield fault(resource, (*path, *where), message)


def _rule(given: r.Rule) -> Rule:
    path, host = (text and regex.unanchored(text) for text in (given.path, given.host))
    headers = tuple(sorted(given.headers.items()))
    return Rule(None if path in EVERY_PATH else path, given.methods or None, host or None, headers)


def _rule_faults(resource: r.AnyResource, path: Path, rule: r.Rule) -> Iterator[Fault]:
    named = {"path": rule.path, "methods": rule.methods, "host": rule.host}
    expressions: list[tuple[Path, str | None]] = [((name,), text) for name, text in named.items()]
    expressions += [(("headers", name), text) for name, text in rule.headers.items()]
    for where, expression in expressions:
        if expression is None:
            continue
        try:
            regex.check(expression)
            regex.check(regex.unanchored(expression))
        except regex.BadRegex as error:
            yield fault(resource, (*path, *where), str(error))
    for name, text in rule.headers.items():
        if not TOKEN.fullmatch(name):
            yield fault(resource, (*path, "headers"), f'"{name}" is not a header name, such as x-tenant')
        elif not text:
            yield fault(resource, (*path, "headers", name), "is empty; write .* for any value")
    if rule.path and not _is_rewritable(rule.path):
        yield fault(resource, (*path, "path"), f"has more than {regex.MOST_GROUPS} capture groups")


def _is_rewritable(expression: str) -> bool:
    try:
        regex.check(expression)
    except regex.BadRegex:
        return True
    return regex.groups(expression) <= regex.MOST_GROUPS


def _upstream(
    resource: r.AnyResource, path: Path, address: str, name: str, trust: ir.OutboundTls
) -> ir.Upstream:
    try:
        parsed = upstream_address(address)
    except BadAddress as error:
        raise Faulty(fault(resource, path, str(error))) from None
    return ir.Upstream(
        service=name,
        namespace=resource.metadata.namespace,
        host=parsed.host,
        port=parsed.port,
        tls=trust if parsed.scheme == "https" else None,
        is_http2=parsed.scheme == "h2",
    )


def _destination(resource: r.AnyResource, path: Path, text: str) -> str:
    if text and not text.startswith("/"):
        raise Faulty(fault(resource, path, f'"{text}" does not start with "/"; write /{text}'))
    if "?" in text or "#" in text:
        raise Faulty(fault(resource, path, f'"{text}" is more than a path; leave out what follows ? or #'))
    if not PATH.fullmatch(text):
        message = f"{text!r} holds a character that a path may not; write it percent-encoded"
        raise Faulty(fault(resource, path, message))
    if is_ambiguous(text):
        message = f"{text!r} has a segment that servers read in different ways, such as .. or ;x"
        raise Faulty(fault(resource, path, message))
    return text
