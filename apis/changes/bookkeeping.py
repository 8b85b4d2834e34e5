"""The bookkeeping that every change of an API shares: locks, generations, audit entries, pushes."""

import logging
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.contrib.postgres.aggregates import ArrayAgg
from django.contrib.postgres.functions import TransactionNow
from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.http import Http404
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis import RedisError

from apis.assets.models import Asset
from apis.brought_to_many import BroughtToMany
from apis.left_gateway import LeftGateway
from apis.models import ApiInstance, Route, RouteUpstream
from apis.revision import Brought, Revision
from apis.revisions import store
from console import audit, background
from console.among import among
from console.compiled import CompiledQuery
from console.models import AuditEntry, Environment, User
from gateways.agents import outbox
from gateways.models import Gateway

logger = logging.getLogger(__name__)
M = TypeVar("M", bound=models.Model)

_BROUGHT = (
    "changed_generation",
    "changed_at",
    "revision",
    "revision_generation",
    "pending_since",
    "pending_digest",
    "pending_by",
    "change_set",
)
_BRING = """
    INSERT INTO apis_brought (api_id, gateway_id, generation, revision_id, replaced_id)
    SELECT api.id, gateway_id, gateway.generation, revision_id, revision_id
    FROM apis_apiinstance AS api JOIN gateways_gateway AS gateway ON gateway.id = gateway_id
    WHERE api.id = ANY(%s)
"""
_RAISE = """
    WITH locked AS MATERIALIZED (
        SELECT id FROM gateways_gateway WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
    ),
    raised AS (
        UPDATE gateways_gateway AS gateway SET generation = generation + 1, updated_at = %s
        FROM locked WHERE gateway.id = locked.id RETURNING gateway.id, generation
    ),
    brought AS (
        INSERT INTO apis_brought (api_id, gateway_id, generation, revision_id, replaced_id)
        SELECT %s::bigint, id, generation, revision, replaced FROM raised
        JOIN unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS one (id, revision, replaced) USING (id)
    )
    SELECT id, generation FROM raised
"""
_RAISE_TO_NOTE = """
    UPDATE gateways_gateway AS gateway
    SET generation = generation + 1, noting_generation = generation + 1, updated_at = %s
    FROM (
        SELECT id FROM gateways_gateway WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
    ) AS locked
    WHERE gateway.id = locked.id RETURNING gateway.id, generation
"""
NOTED_AT_ONCE = 200
"""The most APIs of a change whose request itself notes of each that it changed."""


# In no order: that of a list goes by the asset's name, and the asset would be locked, too.
_LOCKED = CompiledQuery(
    lambda pk: ApiInstance.objects.order_by().select_for_update(no_key=True).filter(pk=pk), pk=2**62 + 7
)


def locked_gateways(ids: Collection[UUID]) -> "QuerySet[Gateway, UUID]":
    rows = Gateway.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    return rows.values_list("pk", flat=True)


_GATEWAY = CompiledQuery(
    lambda pk: (
        Gateway.objects.order_by().select_for_update(no_key=True).filter(pk=pk).values_list("pk", flat=True)
    ),
    pk=uuid4(),
)


def lock(*gateways: Gateway | None, api: ApiInstance | None = None) -> None:
    """Let one change at a time at these gateways, so that two cannot take one base path together, and at
    this API, which may have no gateway. Its row is read anew, since others change it.

    Raises Http404 when it was deleted meanwhile: saving it would bring it back. Raises ValidationError
    when a gateway was.
    """
    known = {gateway.pk: gateway for gateway in gateways if gateway is not None}
    ids = set(_GATEWAY(pk=next(iter(known))) if len(known) == 1 else locked_gateways(known))
    if gone := ", ".join(str(gateway) for pk, gateway in known.items() if pk not in ids):
        raise ValidationError({"gateway": [f"Gateway {gone} was deleted meanwhile; choose another."]})
    if api is None:
        return
    row = _LOCKED.first(pk=api.pk)
    if row is None:
        raise Http404(f"API {api.pk} not found.")
    if gateways and row.gateway_id and row.gateway_id not in ids:
        _lock_new_gateway(row, row.gateway_id)
    take(api, row)
    if gateways:
        store.adopt(api)


def take(row: M, now: M) -> None:
    """The row's columns are what they are now."""
    for field in row._meta.concrete_fields:
        setattr(row, field.attname, getattr(now, field.attname))


def _lock_new_gateway(api: ApiInstance, gateway_id: UUID) -> None:
    """To which the API was moved meanwhile. It should have been locked before the API: to wait for whoever
    holds it could be to wait for each other. Raises ValidationError when someone does.
    """
    rows = Gateway.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=gateway_id)
    if not list(rows):
        message = f"{api} was moved to another gateway meanwhile; try again."
        raise ValidationError({"": [ValidationError(message, code="conflict")]})


def bump(api: ApiInstance, *gateways: Gateway | None, revision: Revision | None = None) -> None:
    """Raise the generation of these gateways, note it on the API, and push when the change is committed.

    Call it inside the change's transaction, with the gateways locked and every row saved: what the API's
    own gateway is to run is the revision made of them, or the one that is given. The API keeps the
    generation of that gateway: an acknowledgement of that one or a later one speaks of what was saved.
    Of rows that run nothing is pending.
    """
    ids = {gateway.pk for gateway in gateways if gateway is not None}
    if not api.pk:
        _raised(ids)
        return
    replaced = store.replaced(api, ids)
    runs = (revision or store.made([api.pk])[api.pk]) if api.is_deployed else None
    runs_there = {api.gateway_id: runs.pk} if runs else {}
    brought = [(one, runs_there.get(one), replaced.get(one)) for one in ids]
    generations = _raised(ids, api.pk, brought)
    if api.gateway_id in generations:
        api.changed_generation = api.revision_generation = generations[api.gateway_id]
        api.changed_at, api.revision, api.change_set = timezone.now(), runs, None
        if revision is None:
            api.pending_since, api.pending_digest = None, ""
            api.pending_by = [] if runs else api.pending_by
        api.save(update_fields=_BROUGHT)


def bump_gateway(gateway: Gateway) -> None:
    """The same for a change of what holds for the whole gateway, which is locked: every API on it changes,
    and no revision.
    """
    generation = _raised({gateway.pk})[gateway.pk]
    apis = ApiInstance.objects.filter(gateway=gateway, is_deployed=True)
    apis.update(**store.changed(Value(generation)), changed_at=timezone.now())


def note_left(api: ApiInstance, before: Gateway | None) -> None:
    """Note that the API has left this gateway, if it has."""
    if before is not None and before.pk != api.gateway_id:
        now = {"left_at": timezone.now()}
        LeftGateway.objects.update_or_create(api=api, gateway=before, defaults=now)


def bump_all(apis: QuerySet[ApiInstance]) -> None:
    """The same for a change of what these deployed APIs share, each on its own gateway; of very many, a
    worker notes it (`noting`).
    """
    deployed = apis.order_by().exclude(gateway=None)
    found = list(deployed.values_list("environment", "gateway").annotate(ids=ArrayAgg("pk")))
    if sum(len(ids) for _, _, ids in found) > NOTED_AT_ONCE:
        _note_later(found)
        return
    _raised({gateway for _, gateway, _ in found})
    every = [pk for _, _, ids in found for pk in ids]
    with connection.cursor() as cursor:
        cursor.execute(_BRING, [every])
    generation = Subquery(Gateway.objects.order_by().filter(pk=OuterRef("gateway")).values("generation"))
    apis = ApiInstance.objects.filter(pk__in=among(every))
    apis.update(**store.changed(generation), changed_at=timezone.now())


def _note_later(found: Collection[tuple[UUID, UUID, list[int]]]) -> None:
    """`found` has environment, gateway and APIs. The gateways' generations are raised; what that is to each
    API, a worker notes before it pushes.
    """
    with connection.cursor() as cursor:
        cursor.execute(_RAISE_TO_NOTE, [timezone.now(), [gateway for _, gateway, _ in found]])
        generations: dict[UUID, int] = dict(cursor.fetchall())
    for environment in {environment for environment, _, _ in found}:
        own = {gateway: ids for where, gateway, ids in found if where == environment}
        row = BroughtToMany.objects.create(
            environment_id=environment,
            left={str(gateway): [generations[gateway], ids] for gateway, ids in own.items()},
            api_count=sum(map(len, own.values())),
        )
        transaction.on_commit(partial(enqueue_noting, row.pk))


def _raised(
    ids: set[UUID], api: int | None = None, brought: Collection[tuple[UUID, int | None, int | None]] = ()
) -> dict[UUID, int]:
    """The gateways' new generations, each pushed when the change is committed.

    `brought` is what this brings of the API: at which gateway, which revision, what that replaces there.
    """
    columns = [[one[index] for one in brought] for index in range(3)]
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, [list(ids), timezone.now(), api, *columns])
        generations: dict[UUID, int] = dict(cursor.fetchall())
    for gateway_id in ids:
        transaction.on_commit(partial(enqueue, gateway_id))
    return generations


def enqueue(gateway_id: UUID) -> None:
    """Ask a worker to push. A broker that is away costs no saved change: heartbeats heal a missed push."""
    if not background.is_valkey_up():
        logger.warning("push was not enqueued gateway=%s error=%r", gateway_id, "Valkey does not answer")
        return
    _enqueue(gateway_id)


def enqueue_noting(pk: int) -> None:
    """Ask a worker to note what was brought to many; where none can be reached, one finds it later."""
    from apis.tasks import note_brought

    if not background.is_valkey_up():
        return
    try:
        note_brought.apply_async(args=(pk,), retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("noting was not enqueued change=%s error=%r", pk, error)


def enqueue_later(gateway_id: UUID | str, pause: timedelta) -> None:
    """The same after a pause; one task at a time waits for a gateway, however many ask."""
    with suppress(RedisError):
        if not outbox.put_off(gateway_id, pause):
            return
    _enqueue(gateway_id, pause.total_seconds())


def _enqueue(gateway_id: UUID | str, seconds: float = 0) -> None:
    from apis.tasks import push_gateway

    try:
        push_gateway.apply_async(args=(str(gateway_id),), countdown=seconds, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("push was not enqueued gateway=%s error=%r", gateway_id, error)


def record(
    actor: User,
    action: AuditEntry.Action,
    api: ApiInstance,
    *,
    target: models.Model | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """The audit entry of a change of the API, or of `target`, which belongs to it; after `bump`, if that is
    called too.
    """
    entry = audit.record(
        actor,
        action,
        target or api,
        organization=api.environment.organization,
        environment=api.environment,
        before=before,
        after=after,
        of=api if target else None,
    )
    if entry and api.pk:
        explain(Brought.objects.filter(api=api), entry)


def explain(brought: QuerySet[Brought], entry: AuditEntry) -> None:
    """Note the entry as the reason for what this transaction brought to gateways."""
    brought.filter(entry=None, at=TransactionNow()).update(entry=entry)


def explain_shared(brought: QuerySet[Brought], entry: AuditEntry) -> None:
    """The same after `bump_all`."""
    if not BroughtToMany.objects.filter(entry=None, at=TransactionNow()).update(entry=entry):
        explain(brought, entry)


def record_asset(actor: User, environment: Environment, asset: Asset) -> None:
    """The audit entry of an asset that a change of an API brought with it."""
    audit.record(
        actor,
        AuditEntry.Action.CREATE,
        asset,
        organization=asset.organization,
        environment=environment,
        after={"name": asset.name, "asset_id": asset.asset_id, "version": asset.version, "type": asset.type},
    )


def facts(api: ApiInstance) -> dict[str, Any]:
    """What the audit compares of an API."""
    return {
        "asset": str(api.asset),
        "gateway": str(api.gateway) if api.gateway else None,
        "address": api.address,
        "tls_context": str(api.tls_context) if api.tls_context else None,
        "label": api.label,
        "consumer_endpoint": api.consumer_endpoint,
        "description": api.description,
        "tags": list(api.tags),
        "response_timeout_ms": api.response_timeout_ms,
        "deployed": api.is_deployed,
        "deprecated": api.is_deprecated,
        "routes": [_route(route) for route in api.routes.prefetch_related("targets__upstream__tls_context")],
    }


def _route(route: Route) -> dict[str, Any]:
    rules: Iterable[str] = ("label", "methods", "path", "host", "headers")
    return {name: value for name in rules if (value := getattr(route, name))} | {
        "upstreams": [_upstream(target) for target in route.targets.all()]
    }


def _upstream(target: RouteUpstream) -> dict[str, Any]:
    row = target.upstream
    tls = {"tls_context": str(row.tls_context)} if row.tls_context else {}
    return {"uri": row.uri, "label": row.label, "weight": target.weight} | tls | row.told.brief
