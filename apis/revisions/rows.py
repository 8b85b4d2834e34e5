"""From an API's rows to the documents that a gateway runs: what its next revision would hold."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Prefetch

from apis import resource_names
from apis.documents.specification import Specification
from apis.from_catalog import response_timeout
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, TlsContext, Upstream
from apis.revision import TLS_CONTEXT, Content, document
from apis.revisions import plain
from apis.rules import own_document, upstream_uri
from apis.rules.policy_place import placed
from console.compiled import CompiledQuery, put
from gateways.protocol import resources as r
from policies import catalog

Texts = Mapping[UUID, str]
"""Of OpenAPI documents."""
LABEL = "flex.mulesoft.com/"
VERSION = "gateway.mulesoft.com/v1alpha1"


def content_of(api: ApiInstance) -> Content:
    """Of its rows as the database has them now."""
    return contents([api.pk])[api.pk]


def content_with(api: ApiInstance, binding: PolicyBinding) -> Content:
    """The same with this policy, which need not be saved, in the place of the one of its id, or else in that
    of its order.
    """
    (whole,) = _one(api.pk)
    texts = _documents([whole], [binding])
    return _content(whole, placed(whole.policies.all(), binding), texts)


def contents(ids: Collection[int]) -> dict[int, Content]:
    """By API, in as many queries however many there are."""
    apis = list(_one(*ids) if len(ids) == 1 else _apis(ids))
    texts = _documents(apis, (binding for api in apis for binding in api.policies.all()))
    return {api.pk: _content(api, api.policies.all(), texts) for api in apis}


def route_label(route: Route) -> str:
    """What the access log calls it: part of a path there, and "none" means that no route matched."""
    label = re.sub(r"[^\w .-]+", "-", route.label)[:64]
    return str(route.position) if label in ("", "none") else label


def tls_binding(context: TlsContext) -> r.PolicyBinding:
    """One for all APIs that serve with the context, key and all."""
    labels = {TLS_CONTEXT: str(context.pk)}
    return r.PolicyBinding(
        api_version=VERSION,
        kind="PolicyBinding",
        metadata=r.Metadata(name=f"tls-{context.pk}", namespace=str(context.environment_id)),
        spec=r.PolicyBindingSpec(
            target_ref=r.TargetRef(kind="Selector", selector=r.Selector(labels=labels)),
            policy_ref=r.PolicyRef(name="tls"),
            config=context.inbound_config,
        ),
    )


def _documents(apis: Iterable[ApiInstance], bindings: Iterable[PolicyBinding]) -> Texts:
    """Of the assets of those whose policies ask for it."""
    asking = {one.api_id for one in bindings if _asks(one)}
    keys = {one.asset.specification_id for one in apis if one.pk in asking}
    return dict(Specification.objects.filter(pk__in=keys).values_list("pk", "text")) if keys else {}


def _asks(binding: PolicyBinding) -> bool:
    try:
        return own_document.is_asked_for(binding.template, binding.config)
    except catalog.UnknownPolicy:
        return False


def _content(api: ApiInstance, bindings: Iterable[PolicyBinding], texts: Texts) -> Content:
    bindings = list(bindings)
    secrets = {
        name: binding.secrets
        for binding in bindings
        if binding.secrets and not binding.is_disabled
        for name in names(api, binding)
    }
    resources = tuple(document(resource) for resource in _resources(api, bindings, texts))
    return Content(resources, secrets, partial(plain.of_api, api))


def _apis(ids: Collection[int]) -> Iterator[ApiInstance]:
    found = ApiInstance.objects.filter(pk__in=ids).select_related("asset")
    upstreams = Prefetch("upstreams", Upstream.objects.select_related("tls_context"))
    for api in found.prefetch_related(upstreams, "routes__targets", "policies"):
        _lead(api)
        yield api


def _one(pk: int) -> Iterator[ApiInstance]:
    """The same of one, which every save of an API asks for: by statements that are written once."""
    for api in _API(pk=pk):
        for name, rows in _PARTS.items():
            put(api, name, rows(pk=pk))
        targets = _TARGETS(pk=pk) if api.routes.all() else []
        for route in api.routes.all():
            put(route, "targets", [one for one in targets if one.route_id == route.pk])
        _lead(api)
        yield api


def _lead(api: ApiInstance) -> None:
    by_id = {upstream.pk: upstream for upstream in api.upstreams.all()}
    for route in api.routes.all():
        for target in route.targets.all():
            target.upstream = by_id[target.upstream_id]


_PK = 2**62 + 7
_API = CompiledQuery(lambda pk: ApiInstance.objects.order_by().filter(pk=pk).select_related("asset"), pk=_PK)
_PARTS: Mapping[str, CompiledQuery[Any]] = {
    "upstreams": CompiledQuery(
        lambda pk: Upstream.objects.filter(api=pk).select_related("tls_context"), pk=_PK
    ),
    "routes": CompiledQuery(lambda pk: Route.objects.filter(api=pk), pk=_PK),
    "policies": CompiledQuery(lambda pk: PolicyBinding.objects.filter(api=pk), pk=_PK),
}
_TARGETS = CompiledQuery(lambda pk: RouteUpstream.objects.filter(route__api=pk), pk=_PK)


def _resources(api: ApiInstance, bindings: Iterable[PolicyBinding], texts: Texts) -> Iterator[r.AnyResource]:
    """The API, its upstreams, its routes and its policies, all in the environment's namespace."""
    yield r.ApiInstance(
        api_version=VERSION,
        kind="ApiInstance",
        metadata=_metadata(api, api.resource_name, _labels(api)),
        spec=r.ApiInstanceSpec(address=api.address),
    )
    for upstream in _routed(api):
        yield _service(api, upstream)
        if upstream.tls_context:
            yield _trust(api, upstream, upstream.tls_context)
    for route in api.routes.all():
        yield _route(api, route)
    if api.response_timeout_ms:
        yield _response_timeout(api, api.response_timeout_ms)
    for binding in bindings:
        if binding.is_outbound and not binding.is_disabled:
            yield from _outbound(api, binding)
        elif not binding.is_disabled:
            yield _policy(api, binding, texts)


def _routed(api: ApiInstance) -> list[Upstream]:
    """Those that routes lead to: no gateway is told of others."""
    routed = {target.upstream_id for route in api.routes.all() for target in route.targets.all()}
    return [upstream for upstream in api.upstreams.all() if upstream.pk in routed]


def _metadata(api: ApiInstance, name: str, labels: dict[str, str] | None = None) -> r.Metadata:
    return r.Metadata(name=name, namespace=str(api.environment_id), labels=labels or {})


def _labels(api: ApiInstance) -> dict[str, str]:
    tls = {TLS_CONTEXT: str(api.tls_context_id)} if api.tls_context_id else {}
    return tls | {
        f"{LABEL}apiinstance-id": str(api.pk),
        r.TITLE: api.label or api.asset.asset_id,
        f"{LABEL}deployment-desired-status": "STARTED",
    }


def _response_timeout(api: ApiInstance, timeout_ms: int) -> r.PolicyBinding:
    metadata = _metadata(api, f"{api.resource_name}-{response_timeout()}")
    config = {"timeout": timeout_ms / 1000}
    return _binding(api, metadata, response_timeout(), config, order=r.DEFAULT_ORDER, rules=())


def _service(api: ApiInstance, upstream: Upstream) -> r.Service:
    return r.Service(
        api_version=VERSION,
        kind="Service",
        metadata=_metadata(api, _service_name(upstream)),
        spec=r.ServiceSpec(address=upstream_uri.read(upstream.uri).address, **dict(upstream.told)),
    )


def _trust(api: ApiInstance, upstream: Upstream, context: TlsContext) -> r.PolicyBinding:
    """Without a configuration: that is the context's, and put in when a snapshot is built."""
    service = _service_name(upstream)
    return r.PolicyBinding(
        api_version=VERSION,
        kind="PolicyBinding",
        metadata=r.Metadata(
            name=f"{service}-tls",
            namespace=str(api.environment_id),
            annotations={TLS_CONTEXT: str(context.pk)},
        ),
        spec=r.PolicyBindingSpec(
            target_ref=r.TargetRef(kind="Service", name=service),
            policy_ref=r.PolicyRef(name="tls-outbound"),
        ),
    )


def _service_name(upstream: Upstream) -> str:
    return resource_names.of_upstream(upstream.api_id, upstream.pk.hex)


def _route(api: ApiInstance, route: Route) -> r.PolicyBinding:
    """A weight of 0 takes an upstream out of the route without taking it off the API."""
    targets = [target for target in route.targets.all() if target.weight]
    if len(targets) == 1:
        kind, config = "route", _destination(targets[0])
    else:
        kind, config = "route-weighted", {"routes": [_weighted(target) for target in targets]}
    rule = r.Rule(
        path=route.path or None,
        methods=route.methods or None,
        host=route.host or None,
        headers=route.headers,
    )
    metadata = r.Metadata(
        name=f"{api.resource_name}-route-{route.position}",
        namespace=str(api.environment_id),
        annotations={r.ROUTE_LABEL: route_label(route)},
    )
    rules = () if rule == r.Rule() else (rule,)
    return _binding(api, metadata, kind, config, order=route.position, rules=rules)


def _weighted(target: RouteUpstream) -> dict[str, Any]:
    return {"weight": target.weight, **_destination(target)}


def _destination(target: RouteUpstream) -> dict[str, Any]:
    return {
        "destinationPath": upstream_uri.read(target.upstream.uri).path or "/",
        "destinationRef": {"name": _service_name(target.upstream)},
    }


def _policy(api: ApiInstance, binding: PolicyBinding, texts: Texts) -> r.PolicyBinding:
    rules = tuple(
        r.Rule(path=row.get("uriTemplateRegex"), methods=row.get("methodRegex")) for row in binding.conditions
    )
    metadata = _metadata(api, binding.resource_name)
    config, mode = binding.config, binding.mode
    if _asks(binding) and (key := api.asset.specification_id):
        config = own_document.filled(binding.template, config, texts.get(key, ""))
    return _binding(api, metadata, binding.policy, config, order=binding.order, rules=rules, mode=mode)


def _outbound(api: ApiInstance, binding: PolicyBinding) -> Iterator[r.PolicyBinding]:
    """One for each of its upstreams."""
    for upstream in _routed(api):
        if upstream.pk in binding.upstreams:
            target = r.TargetRef(kind="Service", name=_service_name(upstream))
            metadata = _metadata(api, binding.resource_name_on(upstream.pk))
            config, order = binding.config, binding.order
            yield _binding(api, metadata, binding.policy, config, order=order, rules=(), target=target)


def names(api: ApiInstance, binding: PolicyBinding) -> list[str]:
    """Of its resources."""
    if not binding.is_outbound:
        return [binding.resource_name]
    return [binding.resource_name_on(one.pk) for one in _routed(api) if one.pk in binding.upstreams]


def _binding(
    api: ApiInstance,
    metadata: r.Metadata,
    policy: str,
    config: dict[str, Any],
    *,
    order: int,
    rules: tuple[r.Rule, ...],
    mode: str = "enforce",
    target: r.TargetRef | None = None,
) -> r.PolicyBinding:
    return r.PolicyBinding(
        api_version=VERSION,
        kind="PolicyBinding",
        metadata=metadata,
        spec=r.PolicyBindingSpec(
            target_ref=target or r.TargetRef(kind="ApiInstance", name=api.resource_name),
            policy_ref=r.PolicyRef(name=policy),
            config=config,
            order=order,
            rules=rules,
            mode=mode,
        ),
    )
