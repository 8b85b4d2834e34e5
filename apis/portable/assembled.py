"""One API of the documents of a file: what its resources say, and the rest of its details."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import urlsplit

from pydantic import ValidationError

from apis.from_catalog import response_timeout
from apis.portable import kinds, variables
from apis.portable.inline import ROUTES
from apis.portable.kinds import Details
from apis.portable.secrets_read import shared_secrets
from apis.portable.shape import (
    AssetPart,
    Part,
    PolicyPart,
    Portable,
    RoutePart,
    TargetPart,
    UpstreamPart,
)
from apis.rules import upstream_uri
from console.lines import IS_NONE, is_line
from gateways.protocol import resources as r
from gateways.protocol.faults import explained
from policies import catalog

if TYPE_CHECKING:
    from apis.portable.read import FileContent

TLS = {"tls": "ApiInstance", "tls-outbound": "Service"}
IGNORED = "gateways ignore the path {} of its address; write it as destinationPath of its routes"
NO_CONTEXT = (
    "certificates are kept as TLS contexts: make one in the environment, and name it here and at its {} by "
    "the annotation gatewright/tls-context"
)


def assembled(found: "FileContent", name: str) -> Portable | None:
    """None where something is wrong, which is among the faults then."""
    return _Api(found, name).portable()


class _Api:
    def __init__(self, found: "FileContent", name: str) -> None:
        self.found, self.name = found, name
        self.api = found.apis[name]
        self.details = found.details.get(name)
        self.routes: list[tuple[int, RoutePart]] = []
        self.paths: dict[str, set[str]] = {}
        self.policies: dict[str, tuple[int, PolicyPart]] = {}
        self.timeout: int | None = None

    def portable(self) -> Portable | None:
        own = [one for one in self.found.bindings.values() if self.is_own(one)]
        for one in own:
            if one.spec.policy_ref.name in ROUTES:
                self.route(one)
        self.routes.sort(key=lambda pair: pair[0])
        for one in self.found.bindings.values():
            if one.spec.policy_ref.name not in ROUTES and (self.is_own(one) or self.is_outbound(one)):
                self.policy(one)
        for listed in self.details.policies if self.details else ():
            self.listed(listed)
        return self.whole()

    def whole(self) -> Portable | None:
        """All of it together. Raises nothing: what the shape refuses is a fault."""
        address = self.address()
        asset = AssetPart(asset_id=self.name.lower(), name=self.name)
        # What people wrote for Local Mode says nothing of what no gateway is told.
        details = self.details or Details(asset=asset, without=get_args(Part))
        told = {name: getattr(details, name) for name in _OF_DETAILS}
        upstreams = self.upstreams(details)
        if address is None:
            return None
        try:
            whole = Portable(
                **address,
                **told,
                tls_context=self.api.metadata.annotations.get(kinds.TLS, ""),
                response_timeout_ms=self.timeout,
                upstreams=upstreams,
                routes=tuple(route for _, route in self.routes),
                policies=self.in_order(),
                shared_secrets=shared_secrets(self.found, [one for _, one in self.policies.values()]),
            )
        except ValidationError as error:
            for where, message in explained(error):
                self.refuse("ApiInstance", self.name, f"{'.'.join(map(str, where))}: {message}")
            return None
        for place, text in whole.lines:
            if not is_line(text):
                self.refuse("ApiInstance", self.name, f"{place}: {IS_NONE}")
        return whole

    def refuse(self, kind: str, name: str, message: str) -> None:
        self.found.faults.add(self.found.line(kind, name), f"{self.found.told(kind, name)}: {message}")

    def is_own(self, one: r.PolicyBinding) -> bool:
        return one.spec.target_ref.kind == "ApiInstance" and one.spec.target_ref.name == self.name

    def is_outbound(self, one: r.PolicyBinding) -> bool:
        return one.spec.target_ref.kind == "Service" and one.spec.target_ref.name in self.paths

    def address(self) -> dict[str, Any] | None:
        try:
            parts = urlsplit(self.api.spec.address)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            self.refuse("ApiInstance", self.name, f'spec.address: "{self.api.spec.address}" is no address')
            return None
        return {"protocol": parts.scheme, "port": port, "base_path": parts.path or "/"}

    def route(self, one: r.PolicyBinding) -> None:
        config, name = one.spec.config, one.metadata.name
        is_one = one.spec.policy_ref.name == "route"
        ways = [config | {"weight": 100}] if is_one else config.get("routes", [])
        targets = []
        for way in ways if isinstance(ways, list) else []:
            ref = way.get("destinationRef") if isinstance(way, Mapping) else None
            service = ref.get("name") if isinstance(ref, Mapping) else None
            path, weight = (way.get("destinationPath", "/"), way.get("weight")) if service else ("/", 0)
            if service not in self.found.services or not isinstance(weight, int) or not isinstance(path, str):
                self.refuse("PolicyBinding", name, f"there is no Service {service} in the file")
                return
            self.paths.setdefault(service, set()).add(path)
            targets.append(TargetPart(upstream=service, weight=weight))
        for service in filter(None, one.metadata.annotations.get(kinds.IDLE, "").split(",")):
            if service not in self.found.services:
                self.refuse("PolicyBinding", name, f"there is no Service {service} in the file")
                return
            self.paths.setdefault(service, set())
            targets.append(TargetPart(upstream=service, weight=0))
        if len(one.spec.rules) > 1:
            self.refuse("PolicyBinding", name, "has several rules; write a route for each")
            return
        rule = one.spec.rules[0] if one.spec.rules else r.Rule()
        label = one.metadata.annotations.get(kinds.LABEL, "")
        made = RoutePart(
            label=label,
            methods=rule.methods or "",
            path=rule.path or "",
            host=rule.host or "",
            headers=rule.headers,
            targets=tuple(targets),
        )
        self.routes.append((one.spec.order, made))

    def policy(self, one: r.PolicyBinding) -> None:
        kind, name, target = one.spec.policy_ref.name, one.metadata.name, one.spec.target_ref
        if kind in TLS:
            if TLS[kind] == target.kind and not self.tls_of(one):
                self.refuse("PolicyBinding", name, NO_CONTEXT.format(target.kind))
            return
        if kind == response_timeout() and name == f"{self.name}-{response_timeout()}":
            seconds = one.spec.config.get("timeout")
            self.timeout = round(seconds * 1000) if isinstance(seconds, int | float) else None
            return
        key = one.metadata.annotations.get(kinds.POLICY, name)
        config, secrets = variables.taken(one.spec.config, _filled(one))
        conditions = tuple(self.condition(one, rule) for rule in one.spec.rules)
        acted_on: tuple[str, ...] = (target.name or "",) if target.kind == "Service" else ()
        before = self.policies.get(key)
        if before and acted_on:
            if (before[1].config, before[1].secrets) != (config, secrets):
                text = f"is {key} as others are, with another configuration; make them the same"
                self.refuse("PolicyBinding", name, text)
            acted_on = (*before[1].upstreams, *acted_on)
        made = PolicyPart(
            key=key,
            policy=kind,
            version=one.metadata.annotations.get(kinds.VERSION, ""),
            label=one.metadata.annotations.get(kinds.LABEL, "")[:255],
            config=config,
            secrets=secrets,
            conditions=conditions,
            upstreams=tuple(sorted(set(acted_on))),
            mode=one.spec.mode,
        )
        self.policies[key] = (one.spec.order, made)

    def tls_of(self, one: r.PolicyBinding) -> bool:
        """Whether it names the context that its target names."""
        named, target = one.metadata.annotations.get(kinds.TLS), one.spec.target_ref
        holder: r.Resource | None = (
            self.api if target.kind == "ApiInstance" else self.found.services.get(target.name or "")
        )
        return bool(named and holder and holder.metadata.annotations.get(kinds.TLS) == named)

    def condition(self, one: r.PolicyBinding, rule: r.Rule) -> dict[str, str]:
        if rule.host or rule.headers:
            text = "the console has no conditions on hosts and headers; make a route for them"
            self.refuse("PolicyBinding", one.metadata.name, text)
        told = {"methodRegex": rule.methods, "uriTemplateRegex": rule.path}
        return {key: value for key, value in told.items() if value}

    def listed(self, one: kinds.ListedPolicy) -> None:
        """What the details say of a policy: all of it, or upstreams that no binding can name."""
        plain = {name: getattr(one, name) for name in PolicyPart.model_fields}
        if before := self.policies.get(one.key):
            both = tuple(sorted({*before[1].upstreams, *one.upstreams}))
            self.policies[one.key] = (before[0], before[1].model_copy(update={"upstreams": both}))
            return
        plain["secrets"] = dict.fromkeys(one.secrets, "")
        self.policies[one.key] = (one.order, PolicyPart(**plain))

    def in_order(self) -> tuple[PolicyPart, ...]:
        rows = sorted(self.policies.values(), key=lambda pair: (bool(pair[1].upstreams), pair[0]))
        return tuple(one for _, one in rows)

    def upstreams(self, details: Details) -> tuple[UpstreamPart, ...]:
        routed = dict.fromkeys(target.upstream for _, route in self.routes for target in route.targets)
        return (*(self.upstream(name) for name in routed), *details.upstreams)

    def upstream(self, name: str) -> UpstreamPart:
        """Its URI is the address and the path that routes write, or the annotation that agrees with both."""
        service = self.found.services[name]
        paths = sorted(self.paths[name]) or ["/"]
        if len(paths) > 1:
            text = f"routes lead to it with {paths[0]} and with {paths[1]}; make a Service for each"
            self.refuse("Service", name, text)
        address = service.spec.address
        if path := _path(address):
            self.refuse("Service", name, IGNORED.format(path))
        uri, told = f"{address.rstrip('/')}{paths[0]}", service.metadata.annotations.get(kinds.URI)
        if told and not _agrees(told, address, paths[0] if self.paths[name] else None):
            text = f"its annotation says {told}, its address and routes {uri}; change both, or take it out"
            self.refuse("Service", name, text)
        return UpstreamPart(
            key=name,
            uri=told or uri,
            label=service.metadata.annotations.get(kinds.LABEL, "")[:255],
            tls_context=service.metadata.annotations.get(kinds.TLS, "")[:120],
            settings=service.spec.settings,
        )


def _path(address: str) -> str:
    try:
        return urlsplit(address).path.rstrip("/")
    except ValueError:
        return ""  # what the address lacks is told of its URI


def _agrees(told: str, address: str, path: str | None) -> bool:
    """Whether the URI of the annotation is this address, with this path where requests go there."""
    if upstream_uri.fault(told):
        return False
    read = upstream_uri.read(told)
    return read.address == address and (path is None or (read.path or "/") == path)


_OF_DETAILS = (
    *("asset", "label", "description", "tags", "owners", "consumer_endpoint", "is_deprecated", "extra"),
    *("tiers", "terms", "alerts", "tests", "muted", "document", "without"),
)


def _filled(one: r.PolicyBinding) -> set[str]:
    """The fields that an export fills and an environment fills itself: no others, whatever a file says."""
    try:
        template = catalog.find(one.spec.policy_ref.name)
    except catalog.UnknownPolicy:
        return set()
    known = one.metadata.annotations
    own = {template.own_document} if known.get(kinds.OWN_DOCUMENT) == template.own_document else set()
    provided = template.from_provider if kinds.FROM_PROVIDER in known else None
    return own | set(provided.fields if provided else ())
