"""Forgets what nobody will go back to, so that no table grows for ever: deployments, what they brought,
revisions, and what was removed.

Each step takes the next few APIs or gateways and a bounded number of rows, in a transaction of its own.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apis.models import ApiInstance
from apis.revision import Revision
from apis.revisions import store
from gateways.models import Gateway

Values = dict[str, Any]
"""Of a statement's parameters."""
KEEP_LAST = 20
"""Of each API: revisions, and what was brought to each gateway; however long ago."""
MOST = 500
"""Of each API: revisions, however many were deployed lately."""
MOST_BROUGHT = 1000
KEEP_LAST_DEPLOYMENTS, MOST_DEPLOYMENTS = 50, 1000
"""Of each gateway, beside those that brought what is kept and those that replicas run."""
MOST_REMOVED = 10_000
"""APIs of an environment, and as many policies."""
AT_ONCE = 1000
OWNERS_AT_ONCE, GATEWAYS_AT_ONCE = 200, 10
ADOPTED_AT_ONCE = 200

_APIS_WITH_MANY = """
    SELECT api_id FROM {table} WHERE api_id > %(after)s
    GROUP BY api_id HAVING count(*) > %(last)s ORDER BY api_id LIMIT %(owners)s
"""
_GATEWAYS_WITH_MANY = """
    SELECT gateway_id FROM gateways_deployment WHERE gateway_id > %(after)s::uuid
    GROUP BY gateway_id HAVING count(*) > %(last)s ORDER BY gateway_id LIMIT %(owners)s
"""
_OLD_REVISIONS = """
    WITH used AS (
        SELECT one.id, one.api_id, max(brought.at) AS at, coalesce(max(brought.id), 0) AS last
        FROM apis_revision AS one LEFT JOIN apis_brought AS brought
            ON brought.revision_id = one.id OR brought.replaced_id = one.id
        WHERE one.api_id = ANY(%(ids)s) GROUP BY one.id, one.api_id
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY api_id ORDER BY last DESC, id DESC) AS place FROM used
    )
    SELECT id FROM ranked
    WHERE (place > %(most)s OR (place > %(last)s AND coalesce(at < %(since)s, true)))
        AND NOT EXISTS (SELECT FROM apis_apiinstance AS api WHERE api.revision_id = ranked.id)
    ORDER BY id LIMIT %(at_once)s
"""
_UNNAME = """
    UPDATE apis_brought SET
        revision_id = CASE WHEN revision_id = ANY(%(ids)s) THEN NULL ELSE revision_id END,
        replaced_id = CASE WHEN replaced_id = ANY(%(ids)s) THEN NULL ELSE replaced_id END
    WHERE revision_id = ANY(%(ids)s) OR replaced_id = ANY(%(ids)s)
"""
_FORGET = """
    DELETE FROM apis_revision AS one WHERE id = ANY(%(ids)s)
        AND NOT EXISTS (SELECT FROM apis_apiinstance AS api WHERE api.revision_id = one.id)
"""
_OLD_BROUGHT = """
    DELETE FROM apis_brought WHERE id IN (
        SELECT id FROM (
            SELECT id, at, row_number() OVER (
                PARTITION BY api_id, gateway_id ORDER BY generation DESC, id DESC
            ) AS place
            FROM apis_brought WHERE api_id = ANY(%(ids)s)
        ) AS ranked
        WHERE place > %(most)s OR (place > %(last)s AND at < %(since)s) LIMIT %(at_once)s
    )
"""
_OLD_DEPLOYMENTS = """
    WITH ranked AS (
        SELECT id, gateway_id, generation, created_at,
            row_number() OVER (PARTITION BY gateway_id ORDER BY generation DESC) AS place,
            lag(generation, 1, -1::bigint) OVER (PARTITION BY gateway_id ORDER BY generation) AS before
        FROM gateways_deployment WHERE gateway_id = ANY(%(ids)s::uuid[])
    ), old AS (
        SELECT id FROM ranked AS one
        WHERE (place > %(most)s OR (place > %(last)s AND created_at < %(since)s))
            AND NOT EXISTS (
                SELECT FROM apis_brought AS brought WHERE brought.gateway_id = one.gateway_id
                    AND brought.generation > one.before AND brought.generation <= one.generation
            )
            AND NOT EXISTS (
                SELECT FROM gateways_replica AS replica
                WHERE replica.gateway_id = one.gateway_id AND replica.generation = one.generation
            )
        LIMIT %(at_once)s
    ), answers AS (
        DELETE FROM gateways_ack WHERE deployment_id IN (SELECT id FROM old)
    )
    DELETE FROM gateways_deployment WHERE id IN (SELECT id FROM old)
"""
_OLD_REMOVED = """
    DELETE FROM apis_removed WHERE id IN (
        SELECT id FROM (
            SELECT id, at, row_number() OVER (PARTITION BY environment_id, kind ORDER BY id DESC) AS place
            FROM apis_removed
        ) AS ranked
        WHERE at < %(since)s OR place > %(most)s LIMIT %(at_once)s
    )
"""
_OF_NO_API = """
    DELETE FROM {table} WHERE id IN (
        SELECT id FROM {table} AS one
        WHERE NOT EXISTS (SELECT FROM apis_apiinstance AS api WHERE api.id = one.api_id)
            AND NOT EXISTS (
                SELECT FROM apis_removed AS kept WHERE kept.kind = 'api' AND kept.api_id = one.api_id
            )
        LIMIT %(at_once)s
    )
"""
_OLD_SETS = """
    DELETE FROM apis_changeset WHERE id IN (
        SELECT id FROM apis_changeset AS one WHERE at < %(since)s
            AND NOT EXISTS (SELECT FROM apis_brought AS brought WHERE brought.change_set_id = one.id)
            AND NOT EXISTS (SELECT FROM apis_apiinstance AS api WHERE api.change_set_id = one.id)
            AND NOT EXISTS (SELECT FROM apis_changeset AS other WHERE other.undoes_id = one.id)
        LIMIT %(at_once)s
    )
"""


def tend() -> None:
    """Make the revisions that a release without them left to be made, then forget what is old."""
    for gateway in set(store.stale(ApiInstance.objects.order_by()).values_list("gateway_id", flat=True)):
        if gateway:
            adopt(gateway)
    forget_removed()
    forget_brought()
    forget_deployments()
    forget_sets()
    forget_old()


@transaction.atomic
def adopt(gateway_id: UUID) -> int:
    """Makes them in batches, so that nobody who saves waits long for the gateway's row."""
    gateway = Gateway.objects.select_for_update(no_key=True).filter(pk=gateway_id).first()
    return store.adopt_some(gateway, ADOPTED_AT_ONCE) if gateway else 0


def forget_brought(*, last: int = KEEP_LAST, most: int = MOST_BROUGHT) -> int:
    """How many went, of what was brought. What an API is compared with when it changes is the newest."""
    query = _APIS_WITH_MANY.format(table="apis_brought")
    return _forget(query, partial(_count, _OLD_BROUGHT), {"after": 0, "last": last, "most": most})


def forget_deployments(*, last: int = KEEP_LAST_DEPLOYMENTS, most: int = MOST_DEPLOYMENTS) -> int:
    """How many went, each with what replicas answered to it."""
    bounds = {"after": UUID(int=0), "last": last, "most": most, "owners": GATEWAYS_AT_ONCE}
    return _forget(_GATEWAYS_WITH_MANY, partial(_count, _OLD_DEPLOYMENTS), bounds)


def forget_sets() -> int:
    """How many change sets went: those of which nothing is known any more but the comment."""
    since = timezone.now() - timedelta(days=settings.REVISIONS_KEEP_DAYS)
    return _all(_OLD_SETS, {"since": since, "at_once": AT_ONCE})


def forget_old(*, last: int = KEEP_LAST, most: int = MOST, owners: int = OWNERS_AT_ONCE) -> int:
    """How many revisions went. Those that a gateway is to run stay, and those that somebody is about to
    deploy.
    """
    bounds = {"after": 0, "last": last, "most": most, "owners": owners}
    return _forget(_APIS_WITH_MANY.format(table="apis_revision"), _forget_revisions, bounds)


def forget_removed(*, most: int = MOST_REMOVED) -> int:
    """How many went of what was removed; of APIs that can be had back no more, their past goes too."""
    since = timezone.now() - timedelta(days=settings.REMOVED_KEEP_DAYS)
    total = _all(_OLD_REMOVED, {"since": since, "most": most, "at_once": AT_ONCE})
    for table in ("apis_brought", "apis_revision"):
        _all(_OF_NO_API.format(table=table), {"at_once": AT_ONCE})
    return total


def _all(statement: str, values: Values) -> int:
    total = 0
    while count := _count(statement, values):
        total += count
    return total


def _forget(query: str, forget: Callable[[Values], int], bounds: Values) -> int:
    """Of those whose rows are more than the last, group by group; of each group as long as something goes."""
    since = timezone.now() - timedelta(days=settings.REVISIONS_KEEP_DAYS)
    values = {"since": since, "at_once": AT_ONCE, "owners": OWNERS_AT_ONCE} | bounds
    total = 0
    while ids := _column(query, values):
        while count := forget(values | {"ids": ids}):
            total += count
        values["after"] = ids[-1]
    return total


@transaction.atomic
def _forget_revisions(values: Values) -> int:
    ids = _column(_OLD_REVISIONS, values)
    locked = Revision.objects.select_for_update(skip_locked=True).filter(pk__in=ids)
    ids = list(locked.order_by("pk").values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_UNNAME, {"ids": ids})
        cursor.execute(_FORGET, {"ids": ids})
        return int(cursor.rowcount)


def _column(query: str, values: Values) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return [value for (value,) in cursor.fetchall()]


@transaction.atomic
def _count(statement: str, values: Values) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
