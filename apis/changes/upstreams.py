"""Upstreams as REST clients change them: one by one, whatever routes lead to them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from apis.changes import bookkeeping, instances
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream
from apis.models import ApiInstance, RouteUpstream, Upstream
from apis.rules import policy_side
from apis.rules.instances import upstream_problems
from apis.rules.problem import refuse
from console.models import AuditEntry, User

MOST = 100
"""Upstreams of one API."""
Action = AuditEntry.Action


@transaction.atomic
def add(actor: User, api: ApiInstance, desired: DesiredUpstream) -> Upstream:
    """One that no route leads to yet; nothing changes on the gateway until one does."""
    bookkeeping.lock(api=api)
    refuse(upstream_problems(api.environment, desired))
    if api.upstreams.count() >= MOST:
        raise ValidationError({"uri": [f"An API has at most {MOST} upstreams; delete one first."]})
    row = Upstream.objects.create(
        api=api,
        uri=desired.uri,
        label=desired.label,
        tls_context=desired.tls_context,
        settings=desired.settings.told,
    )
    bookkeeping.record(actor, Action.CREATE, api, target=row, after=_facts(row))
    return row


@transaction.atomic
def edit(
    actor: User, api: ApiInstance, wanted: Mapping[UUID, DesiredUpstream], *, deploy: bool | None = None
) -> None:
    """Change these upstreams of the API; on its gateway too, where routes lead to them."""
    bookkeeping.lock(api.gateway, api=api)
    routed = set(RouteUpstream.objects.filter(route__api=api).values_list("upstream", flat=True))
    if routed & set(wanted):
        instances.edit_api(actor, api, lambda desired: _changed(desired, wanted), deploy=deploy)
    for row in api.upstreams.select_related("tls_context").exclude(pk__in=routed).filter(pk__in=wanted):
        before, desired = _facts(row), wanted[row.pk]
        refuse(upstream_problems(api.environment, desired, policy_side.outbound(api).get(row.pk, ())))
        row.uri, row.label, row.tls_context = desired.uri, desired.label, desired.tls_context
        row.settings = desired.settings.told
        row.save()
        bookkeeping.record(actor, Action.UPDATE, api, target=row, before=before, after=_facts(row))


@transaction.atomic
def remove(actor: User, api: ApiInstance, row: Upstream) -> None:
    """Refused while a route leads to it."""
    bookkeeping.lock(api=api)
    if RouteUpstream.objects.filter(upstream=row).exists():
        message = f"A route leads to {row.uri}; change the API's routing first."
        raise ValidationError({"upstream": [ValidationError(message, code="conflict")]})
    policy_side.let_go(api, [row])
    bookkeeping.record(actor, Action.DELETE, api, target=row, before=_facts(row))
    row.delete()


def _changed(desired: DesiredApi, wanted: Mapping[UUID, DesiredUpstream]) -> DesiredApi:
    return replace(desired, routes=[_route(route, wanted) for route in desired.routes])


def _route(route: DesiredRoute, wanted: Mapping[UUID, DesiredUpstream]) -> DesiredRoute:
    """Each upstream keeps its weight, which is the route's own."""
    upstreams = [
        replace(wanted[one.id], weight=one.weight) if one.id and one.id in wanted else one
        for one in route.upstreams
    ]
    return replace(route, upstreams=upstreams)


def _facts(row: Upstream) -> dict[str, Any]:
    own = {"uri": row.uri, "label": row.label, "tls_context": str(row.tls_context or "")}
    return {**own, **row.told.brief}
