"""From an API's rows to what of it can be carried elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from apis.contracts.terms import Terms
from apis.models import ApiInstance, PolicyBinding, Route, Upstream
from apis.portable import alerts, shared
from apis.portable.names import base_of, policy_key, upstream_key
from apis.portable.shape import (
    AssetPart,
    DocumentPart,
    MutedPart,
    PolicyPart,
    Portable,
    RoutePart,
    TargetPart,
    TierPart,
    UpstreamPart,
)

_POLICY, _TLS, _AUTOMATED = "policy:", "tls:", "automated:"


def portable_of(
    api: ApiInstance, *, secrets: bool = False, document: bool = False, base: str = ""
) -> Portable:
    """Of its rows as they are now. Without `secrets` their values are "" each. What `base` says is how keys
    begin.
    """
    base = base or base_of(api.asset.asset_id, api.label)
    routes = list(api.routes.prefetch_related("targets"))
    rows = _in_order(list(api.upstreams.select_related("tls_context")), routes)
    keys = {row.pk: upstream_key(base, at) for at, row in enumerate(rows, start=1)}
    bindings = list(api.policies.order_by("order", "pk"))
    bindings.sort(key=lambda one: one.is_outbound)
    named = {one.pk: policy_key(base, one.policy, at) for at, one in enumerate(bindings, start=1)}
    asset = api.asset
    return Portable(
        asset=AssetPart(
            asset_id=asset.asset_id,
            name=asset.name,
            version=asset.version,
            api_version=asset.api_version,
            type=asset.type,
        ),
        label=api.label,
        description=api.description,
        protocol=api.protocol,
        port=api.port,
        base_path=api.base_path,
        tls_context=api.tls_context.name if api.tls_context else "",
        consumer_endpoint=api.consumer_endpoint,
        tags=tuple(api.tags),
        response_timeout_ms=api.response_timeout_ms,
        is_deprecated=api.is_deprecated,
        owners=tuple(sorted(str(one) for one in api.owners.select_related("user", "team"))),
        extra=api.extra,
        upstreams=tuple(_upstream(row, keys[row.pk]) for row in rows),
        routes=tuple(_route(one, keys) for one in routes),
        policies=tuple(_policy(one, named[one.pk], keys, secrets) for one in bindings),
        tiers=tuple(_tier(one) for one in api.tiers.order_by("pk")),
        terms=own.text if (own := Terms.objects.newest_of(api=api)) else "",
        alerts=tuple(alerts.told(api)),
        tests=tuple(one.case for one in api.tests.order_by("position", "pk")),
        muted=_muted(api, named),
        shared_secrets=shared.parts_of(api.environment, [one.config for one in bindings]),
        document=_document(api) if document else None,
    )


def upstreams_of(api: ApiInstance) -> dict[str, Upstream]:
    """The API's rows by the keys that `portable_of` gives them."""
    base = base_of(api.asset.asset_id, api.label)
    rows = _in_order(
        list(api.upstreams.select_related("tls_context")), list(api.routes.prefetch_related("targets"))
    )
    return {upstream_key(base, at): row for at, row in enumerate(rows, start=1)}


def policies_of(api: ApiInstance) -> dict[str, PolicyBinding]:
    """The same of its policies."""
    base = base_of(api.asset.asset_id, api.label)
    bindings = sorted(api.policies.order_by("order", "pk"), key=lambda one: one.is_outbound)
    return {policy_key(base, one.policy, at): one for at, one in enumerate(bindings, start=1)}


def _in_order(rows: Sequence[Upstream], routes: Sequence[Route]) -> list[Upstream]:
    """As routes lead to them, so that what was carried elsewhere has the same order there."""
    routed = dict.fromkeys(target.upstream_id for route in routes for target in route.targets.all())
    known = {row.pk: row for row in rows}
    return [*(known[pk] for pk in routed), *(row for row in rows if row.pk not in routed)]


def _upstream(row: Upstream, key: str) -> UpstreamPart:
    return UpstreamPart(
        key=key,
        uri=row.uri,
        label=row.label,
        tls_context=row.tls_context.name if row.tls_context else "",
        settings=row.told,
    )


def _route(route: Route, keys: Mapping[UUID, str]) -> RoutePart:
    return RoutePart(
        label=route.label,
        methods=route.methods,
        path=route.path,
        host=route.host,
        headers=dict(sorted(route.headers.items())),
        targets=tuple(
            TargetPart(upstream=keys[one.upstream_id], weight=one.weight) for one in route.targets.all()
        ),
    )


def _policy(binding: PolicyBinding, key: str, keys: Mapping[UUID, str], secrets: bool) -> PolicyPart:
    held: Mapping[str, str] = binding.secrets
    return PolicyPart(
        key=key,
        policy=binding.policy,
        version=binding.policy_version,
        label=binding.label,
        config=binding.config,
        secrets={path: held[path] if secrets else "" for path in sorted(held)},
        conditions=tuple(binding.conditions),
        upstreams=tuple(sorted(keys[pk] for pk in binding.upstreams if pk in keys)),
        is_disabled=binding.is_disabled,
        mode=binding.mode,
    )


def _tier(tier: Any) -> TierPart:
    return TierPart(
        name=tier.name,
        description=tier.description,
        limits=tier.limits,
        approves_by_itself=tier.approves_by_itself,
        status=tier.status,
    )


def _muted(api: ApiInstance, named: Mapping[int, str]) -> tuple[MutedPart, ...]:
    """But for what is muted of things that are not the API's own."""
    found = []
    for one in api.muted_findings.all():
        place = one.place
        if place.startswith((_TLS, _AUTOMATED)):
            continue
        if place.startswith(_POLICY):
            key = place.removeprefix(_POLICY)
            if not key.isdecimal() or int(key) not in named:
                continue
            place = f"{_POLICY}{named[int(key)]}"
        found.append(MutedPart(code=one.code, place=place, reason=one.reason))
    return tuple(sorted(found, key=lambda one: (one.code, one.place)))


def _document(api: ApiInstance) -> DocumentPart | None:
    found = api.asset.specification
    return DocumentPart(name=found.name, text=found.text) if found else None
