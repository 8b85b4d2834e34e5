"""What the documents of a revision say, by the names under which people save it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apis.from_catalog import response_timeout
from apis.models import TlsContext
from apis.revision import TLS_CONTEXT, Content, Document, name
from gateways.protocol.resources import ROUTE_LABEL, TITLE, ServiceSpec

ROUTES = ("route", "route-weighted")
_RULES = ("methods", "path", "host", "headers")


@dataclass(frozen=True)
class Used:
    """A policy that is applied: `config` is without its secrets."""

    policy: str
    config: Mapping[str, Any]
    conditions: Mapping[str, Any]
    mode: str

    @property
    def told(self) -> dict[str, Any]:
        mode = {"mode": self.mode} if self.mode != "enforce" else {}
        return {**self.config, **self.conditions, **mode}


def facts(content: Content, contexts: Mapping[UUID, TlsContext]) -> dict[str, Any]:
    """Of the API but for its policies; the keys are those of the audit's entries. {} of no API."""
    if not content.documents:
        return {}
    own, served = content.documents[0], content.serves_with
    bindings = _bindings(content, (response_timeout(),))
    timeouts = [one["spec"]["config"]["timeout"] for one in bindings if _is_setting(one)]
    return {
        "label": own["metadata"]["labels"].get(TITLE, ""),
        "address": content.address.geturl(),
        "tls_context": _name_of(served, contexts),
        "response_timeout_ms": round(1000 * timeouts[0]) if timeouts else None,
        "routes": _routes(content, contexts),
    }


def policies(content: Content) -> dict[str, Used]:
    """By the names of their documents, in the order in which they run; outbound ones come last."""
    services = _services(content)
    return {
        name(one): Used(
            one["spec"]["policyRef"]["name"],
            one["spec"]["config"],
            _where(one["spec"], services),
            one["spec"].get("mode", "enforce"),
        )
        for one in sorted(content.documents, key=lambda one: _kind(one) == "Service")
        if one["kind"] == "PolicyBinding"
        and one["spec"]["policyRef"]["name"] not in (*ROUTES, "tls-outbound")
        and not _is_setting(one)
    }


def _is_setting(binding: Document) -> bool:
    """Whether it is the API's own response timeout, and no policy that somebody applied."""
    return name(binding) == f"{binding['spec']['targetRef']['name']}-{response_timeout()}"


def _kind(one: Document) -> str:
    return str(one["spec"]["targetRef"]["kind"]) if one["kind"] == "PolicyBinding" else ""


def _where(spec: Mapping[str, Any], services: Mapping[str, str]) -> dict[str, Any]:
    """What it holds for: some requests to the API, or those to an upstream."""
    if spec["targetRef"]["kind"] == "Service":
        service = spec["targetRef"]["name"]
        return {"upstream": services.get(service, service)}
    return {"conditions": [_said(rule) for rule in spec["rules"]]}


def _services(content: Content) -> dict[str, str]:
    """The addresses of upstreams by the names of their documents."""
    return {name(one): one["spec"]["address"] for one in content.documents if one["kind"] == "Service"}


def _bindings(content: Content, names: tuple[str, ...]) -> list[Document]:
    bindings = (one for one in content.documents if one["kind"] == "PolicyBinding")
    return [one for one in bindings if one["spec"]["policyRef"]["name"] in names]


def _routes(content: Content, contexts: Mapping[UUID, TlsContext]) -> list[dict[str, Any]]:
    services = _services(content)
    trusts = {
        one["spec"]["targetRef"]["name"]: UUID(one["metadata"]["annotations"][TLS_CONTEXT])
        for one in _bindings(content, ("tls-outbound",))
    }
    settings = {name(one): _settings(one["spec"]) for one in content.documents if one["kind"] == "Service"}
    found = []
    for one in _bindings(content, ROUTES):
        config, order = one["spec"]["config"], one["spec"]["order"]
        label = one["metadata"]["annotations"].get(ROUTE_LABEL, "")
        rules = [_said(rule) for rule in one["spec"]["rules"]]
        upstreams = [
            _upstream(target, services, trusts, contexts, settings)
            for target in config.get("routes", [config])
        ]
        told = {"label": label} if label != str(order) else {}
        found.append(told | (rules[0] if rules else {}) | {"upstreams": upstreams})
    return found


def _upstream(
    target: Mapping[str, Any],
    services: Mapping[str, str],
    trusts: Mapping[str, UUID],
    contexts: Mapping[UUID, TlsContext],
    settings: Mapping[str, dict[str, Any]],
) -> dict[str, Any]:
    service = target["destinationRef"]["name"]
    path = target["destinationPath"].rstrip("/")
    trusted = {"tls_context": _name_of(trusts[service], contexts)} if service in trusts else {}
    own = {"uri": services.get(service, service) + path, "weight": target.get("weight", 100)}
    return own | trusted | settings.get(service, {})


def _settings(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What a Service says beside its address, without what is as it comes."""
    return ServiceSpec.model_validate(spec).settings.brief


def _name_of(context: UUID | None, contexts: Mapping[UUID, TlsContext]) -> str | None:
    if context is None:
        return None
    return contexts[context].name if context in contexts else "one that was deleted"


def _said(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {key: rule[key] for key in _RULES if rule.get(key)}
