"""An API as one file: the resources that Local Mode serves, then what the console alone knows of it.

Secrets are variables, `$ORDERS_HTTP_BASIC_AUTHENTICATION_1_PASSWORD`, as Local Mode takes them from its
environment. The same API gives the same bytes, wherever it is exported.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from apis.client_providers import filling
from apis.from_catalog import response_timeout
from apis.portable import kinds, names
from apis.portable.kinds import FORMAT
from apis.portable.mentioned import of_mention
from apis.portable.shape import (
    DEFAULT_GROUP,
    PolicyPart,
    Portable,
    RoutePart,
    SecretPart,
    TargetPart,
    UpstreamPart,
)
from apis.portable.yaml_text import END, ordered, said, written
from apis.rules import own_document, upstream_uri
from apis.rules.policy_config import merged
from gateways.protocol.resources import API_DETAILS, API_VERSION, ROUTE_LABEL, Model
from policies import catalog
from policies.traits import ClientProvider

Document = dict[str, Any]
_LIKE_A_VARIABLE = re.compile(r"\$+[A-Za-z_][A-Za-z0-9_]*")
_AS_IT_IS = ("label", "description", "tags", "owners", "consumer_endpoint")


@dataclass(frozen=True)
class Contexts:
    """What Local Mode needs of the TLS contexts that an API names, by their names, and of the client provider
    that its policies ask for; keys and secrets are variables.
    """

    inbound: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    outbound: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    provider: ClientProvider | None = None


def yaml_of(
    api: Portable, contexts: Contexts | None = None, *, base: str = "", apart: Collection[str] = ()
) -> str:
    """`base` is how the API is called where its own name is another's; shared secrets that are `apart` are
    written in the file already.
    """
    base = base or names.base_of(api.asset.asset_id, api.label)
    whole = _Writing(api, contexts or Contexts(), base, apart)
    return written(list(whole.documents())) + END


def variable(owner: str, path: str) -> str:
    words = re.sub(r"[^A-Z0-9]+", "_", f"{owner}_{path}".upper()).strip("_")
    return f"${words}" if not words[:1].isdigit() else f"$_{words}"


@dataclass(frozen=True)
class _Writing:
    api: Portable
    contexts: Contexts
    base: str
    apart: Collection[str] = ()

    def documents(self) -> Iterator[Document]:
        api = self.api
        address = f"{api.protocol}://0.0.0.0:{api.port}{api.base_path}"
        annotations = said({kinds.TLS: api.tls_context, kinds.EXPORTED: kinds.WITH_END})
        yield _resource("ApiInstance", self.base, {"address": address}, annotations)
        if config := self.contexts.inbound.get(api.tls_context):
            yield self._binding(f"{self.base}-tls", "tls", dict(config), {kinds.TLS: api.tls_context})
        routed = {target.upstream for route in api.routes for target in route.targets}
        served = {target.upstream for route in api.routes for target in route.targets if target.weight}
        for one in api.upstreams:
            if one.key in routed:
                yield from self._service(one, served)
        for at, route in enumerate(api.routes, start=1):
            yield self._route(at, route)
        if api.response_timeout_ms:
            config = {"timeout": api.response_timeout_ms / 1000}
            yield self._binding(f"{self.base}-{response_timeout()}", response_timeout(), config, {})
        for order, policy in enumerate(api.inbound, start=1):
            if not policy.is_disabled:
                yield self._policy(policy, order)
        for policy in api.outbound:
            if not policy.is_disabled:
                yield from self._outbound(policy, routed)
        for secret in api.shared_secrets:
            if secret.reference not in self.apart:
                yield _secret(secret)
        yield self._details(routed)

    def _service(self, one: UpstreamPart, served: set[str]) -> Iterator[Document]:
        read = upstream_uri.read(one.uri)
        path = (read.path or "/") if one.key in served else "/"
        is_plain = one.uri == f"{read.address}{path}"
        annotations = said(
            {kinds.LABEL: one.label, kinds.URI: "" if is_plain else one.uri, kinds.TLS: one.tls_context}
        )
        yield _resource("Service", one.key, {"address": read.address, **one.settings.brief}, annotations)
        if config := self.contexts.outbound.get(one.tls_context):
            target = {"kind": "Service", "name": one.key}
            annotation = {kinds.TLS: one.tls_context}
            yield self._binding(f"{one.key}-tls", "tls-outbound", dict(config), annotation, target=target)

    def _route(self, at: int, route: RoutePart) -> Document:
        uris = {one.key: one.uri for one in self.api.upstreams}
        serving = [one for one in route.targets if one.weight]
        ways: list[Document] = [
            {
                "destinationPath": upstream_uri.read(uris[one.upstream]).path or "/",
                "destinationRef": {"name": one.upstream},
            }
            for one in serving
        ]
        if len(serving) == 1:
            kind, config = "route", ways[0]
        else:
            kind, config = (
                "route-weighted",
                {"routes": [_weighted(*pair) for pair in zip(serving, ways, strict=True)]},
            )
        rule = said(
            {"path": route.path, "methods": route.methods, "host": route.host, "headers": route.headers}
        )
        idle = ",".join(one.upstream for one in route.targets if not one.weight)
        shown = _log_label(route.label) or str(at - 1)
        annotations = said({ROUTE_LABEL: shown, kinds.LABEL: route.label, kinds.IDLE: idle})
        name = names.route_key(self.base, at)
        return self._binding(name, kind, config, annotations, order=at - 1, rules=[rule] if rule else [])

    def _policy(self, one: PolicyPart, order: int) -> Document:
        rules = [
            said({"path": row.get("uriTemplateRegex"), "methods": row.get("methodRegex")})
            for row in one.conditions
        ]
        config, annotations = self._config(one)
        return self._binding(
            one.key, one.policy, config, annotations, order=order, rules=rules, mode=one.mode
        )

    def _outbound(self, one: PolicyPart, routed: set[str]) -> Iterator[Document]:
        """A document for each upstream; those to which no route leads have none, and the details say it."""
        config, annotations = self._config(one)
        annotations |= {kinds.POLICY: one.key}
        order = self.api.outbound.index(one) + 1
        for at, upstream in enumerate(one.upstreams, start=1):
            if upstream in routed:
                target = {"kind": "Service", "name": upstream}
                name = f"{one.key}.{at}"
                yield self._binding(
                    name, one.policy, config, annotations, order=order, mode=one.mode, target=target
                )

    def _config(self, one: PolicyPart) -> tuple[dict[str, Any], dict[str, str]]:
        """With its secrets as variables, and the API's document where the policy takes it."""
        annotations = said({kinds.LABEL: one.label, kinds.VERSION: one.version})
        shown = {path: variable(one.key, path) for path in one.secrets}
        config = merged(literal(ordered(one.config)), shown)
        try:
            template = catalog.find(one.policy)
        except catalog.UnknownPolicy:
            return config, annotations
        if own_document.is_asked_for(template, one.config) and self.api.document:
            config = own_document.filled(template, config, self.api.document.text)
            annotations |= {kinds.OWN_DOCUMENT: template.own_document}
        if filling.asks(template, one.config) and self.contexts.provider:
            config = filling.filled(template, config, self.contexts.provider)
            annotations |= {kinds.FROM_PROVIDER: self.contexts.provider.name}
        return ordered(config), annotations

    def _binding(
        self,
        name: str,
        policy: str,
        config: dict[str, Any],
        annotations: dict[str, str],
        *,
        order: int | None = None,
        rules: list[dict[str, Any]] | None = None,
        mode: str = "enforce",
        target: dict[str, str] | None = None,
    ) -> Document:
        spec = {
            "targetRef": target or {"kind": "ApiInstance", "name": self.base},
            "policyRef": {"name": policy},
            **({} if order is None else {"order": order}),
            **({"rules": rules} if rules else {}),
            **({"mode": mode} if mode != "enforce" else {}),
            **({"config": ordered(config)} if config else {}),
        }
        return _resource("PolicyBinding", name, spec, annotations)

    def _details(self, routed: set[str]) -> Document:
        api = self.api
        plain = api.plain
        fields = {
            "format": FORMAT,
            "asset": said(plain["asset"]),
            **{_camel(name): plain[_camel(name)] for name in _AS_IT_IS},
            "extra": ordered(api.extra),
            "deprecated": api.is_deprecated,
            "upstreams": [_told(one) for one in api.upstreams if one.key not in routed],
            "policies": [*_listed(api.inbound, routed), *_listed(api.outbound, routed)],
            "tiers": _brief(api.tiers),
            "terms": api.terms or "",
            "alerts": ordered(api.alerts),
            "tests": list(api.tests),
            "muted": _brief(api.muted),
            "secrets": sorted(name for name, _, _ in variables_of(api)),
            "document": plain["document"],
            "without": list(api.without),
        }
        return _resource(API_DETAILS, self.base, said(fields), {})


def variables_of(api: Portable) -> list[tuple[str, str, str]]:
    """(variable, policy or mention of a shared secret, path) of each secret."""
    own = [(variable(one.key, path)[1:], one.key, path) for one in api.policies for path in one.secrets]
    return own + [
        (_of_shared(one, field)[1:], of_mention(one), field)
        for one in api.shared_secrets
        for field in one.values
    ]


def _of_shared(one: SecretPart, field: str) -> str:
    return variable(f"{one.group} {one.name}", field)


def _secret(one: SecretPart) -> Document:
    """Its values as variables, whatever is known of them."""
    metadata = {"name": one.name} | ({"namespace": one.group} if one.group != DEFAULT_GROUP else {})
    spec = {"data": {field: _of_shared(one, field) for field in sorted(one.values)}}
    return {"apiVersion": API_VERSION, "kind": "Secret", "metadata": metadata, "spec": spec}


def _weighted(target: TargetPart, way: Document) -> Document:
    return {"weight": target.weight, **way}


def literal(value: Any) -> Any:
    """What looks like a variable and is none, as Local Mode has it."""
    if isinstance(value, Mapping):
        return {key: literal(one) for key, one in value.items()}
    if isinstance(value, list):
        return [literal(one) for one in value]
    return f"${value}" if isinstance(value, str) and _LIKE_A_VARIABLE.fullmatch(value) else value


def _resource(kind: str, name: str, spec: dict[str, Any], annotations: dict[str, str]) -> Document:
    metadata: dict[str, Any] = {"name": name}
    if annotations:
        metadata["annotations"] = dict(sorted(annotations.items()))
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _listed(policies: Sequence[PolicyPart], routed: set[str]) -> list[dict[str, Any]]:
    """What no binding says of them."""
    found = []
    for order, one in enumerate(policies, start=1):
        away = [key for key in one.upstreams if key not in routed]
        if one.is_disabled or len(away) == len(one.upstreams) > 0:
            found.append(_whole(one, order))
        elif away:
            found.append({"key": one.key, "policy": one.policy, "order": order, "upstreams": away})
    return found


def _whole(one: PolicyPart, order: int) -> dict[str, Any]:
    """With the names of its secrets."""
    shown = {path: variable(one.key, path) for path in one.secrets}
    plain = one.model_dump(mode="json", by_alias=True) | {"secrets": shown, "order": order}
    return said(plain | {"config": ordered(plain["config"])})


def _brief(parts: Sequence[Model]) -> list[dict[str, Any]]:
    return [one.model_dump(mode="json", by_alias=True, exclude_defaults=True) for one in parts]


def _told(one: UpstreamPart) -> dict[str, Any]:
    plain = one.model_dump(mode="json", by_alias=True, exclude={"settings"})
    return said(plain | {"settings": one.settings.brief})


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _log_label(label: str) -> str:
    """What the access log calls the route; see `revisions.rows.route_label`."""
    found = re.sub(r"[^\w .-]+", "-", label)[:64]
    return "" if found == "none" else found
