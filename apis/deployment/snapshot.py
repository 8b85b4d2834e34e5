"""From rows to the snapshot that a gateway should run."""

import re
from collections.abc import Collection, Iterator
from typing import Any

from django.db import transaction

from apis.changes import ingress
from apis.deployment import snapshot_cache
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, TlsContext, Upstream
from apis.rules import upstream_uri
from apis.rules.policy_config import merged
from gateways.agents.packed import Packed, packed
from gateways.models import Gateway
from gateways.protocol import resources as r
from gateways.protocol.timeouts import RESPONSE_TIMEOUT

LABEL = "flex.mulesoft.com/"
TLS_LABEL = "gatewright/tls-context"
VERSION = "gateway.mulesoft.com/v1alpha1"
_memory = snapshot_cache.Memory()


@transaction.atomic
def build(gateway: Gateway) -> Packed:
    """The newest snapshot, noted on the gateway with its digest.

    Every change locks the gateway's row before it touches another: while we hold it, all rows are of
    one moment. The number of queries does not depend on how many APIs there are.
    """
    row = Gateway.objects.select_for_update(no_key=True).get(pk=gateway.pk)
    digests = snapshot_cache.digests(row)
    texts = _memory.recall(digests)
    made = {
        api.pk: tuple(r.canonical(resource) for resource in _resources(api))
        for api in _apis(digests.keys() - texts.keys())
    }
    _memory.keep(digests, made)
    texts |= made
    shared = [r.canonical(_tls(context)) for context in TlsContext.objects.serving(row)]
    shared += [r.canonical(setting) for setting in ingress.resources(row)]
    snapshot = packed(row, [*(text for pk in digests for text in texts[pk]), *shared])
    if (row.digest, row.built_generation) != (snapshot.digest, snapshot.generation):
        Gateway.objects.filter(pk=row.pk).update(digest=snapshot.digest, built_generation=snapshot.generation)
    return snapshot


def route_label(route: Route) -> str:
    """What the access log calls it: part of a path there, and "none" means that no route matched."""
    label = re.sub(r"[^\w .-]+", "-", route.label)[:64]
    return str(route.position) if label in ("", "none") else label


def _apis(ids: Collection[int]) -> Iterator[ApiInstance]:
    found = ApiInstance.objects.filter(pk__in=ids).select_related("asset")
    for api in found.prefetch_related("upstreams__tls_context", "routes__targets", "policies"):
        upstreams = {upstream.pk: upstream for upstream in api.upstreams.all()}
        for route in api.routes.all():
            for target in route.targets.all():
                target.upstream = upstreams[target.upstream_id]
        yield api


def _resources(api: ApiInstance) -> Iterator[r.AnyResource]:
    """The API, its upstreams, its routes and its policies, all in the environment's namespace."""
    yield r.ApiInstance(
        api_version=VERSION,
        kind="ApiInstance",
        metadata=_metadata(api, api.resource_name, _labels(api)),
        spec=r.ApiInstanceSpec(address=api.address),
    )
    routed = {target.upstream_id for route in api.routes.all() for target in route.targets.all()}
    for upstream in api.upstreams.all():
        if upstream.pk not in routed:
            continue
        yield _service(api, upstream)
        if upstream.tls_context:
            yield _trust(api, upstream, upstream.tls_context)
    for route in api.routes.all():
        yield _route(api, route)
    if api.response_timeout_ms:
        yield _response_timeout(api, api.response_timeout_ms)
    for binding in api.policies.all():
        if not binding.is_disabled:
            yield _policy(api, binding)


def _metadata(api: ApiInstance, name: str, labels: dict[str, str] | None = None) -> r.Metadata:
    return r.Metadata(name=name, namespace=str(api.environment_id), labels=labels or {})


def _labels(api: ApiInstance) -> dict[str, str]:
    tls = {TLS_LABEL: str(api.tls_context_id)} if api.tls_context_id else {}
    return tls | {
        f"{LABEL}apiinstance-id": str(api.pk),
        f"{LABEL}apiinstance-name": api.label or api.asset.asset_id,
        f"{LABEL}deployment-desired-status": "STARTED",
    }


def _tls(context: TlsContext) -> r.PolicyBinding:
    """One binding for all APIs that serve with the context."""
    labels = {TLS_LABEL: str(context.pk)}
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


def _response_timeout(api: ApiInstance, timeout_ms: int) -> r.PolicyBinding:
    metadata = _metadata(api, f"{api.resource_name}-{RESPONSE_TIMEOUT}")
    config = {"timeout": timeout_ms / 1000}
    return _binding(api, metadata, RESPONSE_TIMEOUT, config, order=r.DEFAULT_ORDER, rules=())


def _service(api: ApiInstance, upstream: Upstream) -> r.Service:
    return r.Service(
        api_version=VERSION,
        kind="Service",
        metadata=_metadata(api, _service_name(upstream)),
        spec=r.ServiceSpec(address=upstream_uri.read(upstream.uri).address),
    )


def _trust(api: ApiInstance, upstream: Upstream, context: TlsContext) -> r.PolicyBinding:
    service = _service_name(upstream)
    return r.PolicyBinding(
        api_version=VERSION,
        kind="PolicyBinding",
        metadata=_metadata(api, f"{service}-tls"),
        spec=r.PolicyBindingSpec(
            target_ref=r.TargetRef(kind="Service", name=service),
            policy_ref=r.PolicyRef(name="tls-outbound"),
            config=context.outbound_config,
        ),
    )


def _service_name(upstream: Upstream) -> str:
    return f"apii-{upstream.api_id}-{upstream.pk.hex[:8]}"


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


def _policy(api: ApiInstance, binding: PolicyBinding) -> r.PolicyBinding:
    rules = tuple(
        r.Rule(path=row.get("uriTemplateRegex"), methods=row.get("methodRegex")) for row in binding.conditions
    )
    config = merged(binding.config, binding.secrets)
    metadata = _metadata(api, binding.resource_name)
    return _binding(api, metadata, binding.policy, config, order=binding.order, rules=rules)


def _binding(
    api: ApiInstance,
    metadata: r.Metadata,
    policy: str,
    config: dict[str, Any],
    *,
    order: int,
    rules: tuple[r.Rule, ...],
) -> r.PolicyBinding:
    return r.PolicyBinding(
        api_version=VERSION,
        kind="PolicyBinding",
        metadata=metadata,
        spec=r.PolicyBindingSpec(
            target_ref=r.TargetRef(kind="ApiInstance", name=api.resource_name),
            policy_ref=r.PolicyRef(name=policy),
            config=config,
            order=order,
            rules=rules,
        ),
    )
