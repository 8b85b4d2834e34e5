"""Forgets revisions that nobody will go back to, so that their table does not grow for ever."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apis.models import ApiInstance
from apis.revision import Revision
from apis.revisions import store
from gateways.models import Gateway

KEEP_LAST = 20
"""Of each API, however long ago they were deployed."""
MOST = 500
"""Of each API, however many were deployed lately."""
AT_ONCE = 1000
ADOPTED_AT_ONCE = 200

_OLD = """
    WITH many AS (
        SELECT api_id FROM apis_revision GROUP BY api_id HAVING count(*) > %(last)s LIMIT 200
    ), used AS (
        SELECT one.id, one.api_id, max(brought.at) AS at, coalesce(max(brought.id), 0) AS last
        FROM apis_revision AS one LEFT JOIN apis_brought AS brought
            ON brought.revision_id = one.id OR brought.replaced_id = one.id
        WHERE one.api_id IN (SELECT api_id FROM many) GROUP BY one.id, one.api_id
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY api_id ORDER BY last DESC, id DESC) AS place FROM used
    )
    SELECT id FROM ranked
    WHERE place > %(most)s OR (place > %(last)s AND coalesce(at < %(since)s, true)) LIMIT %(at_once)s
"""


def tend() -> None:
    """Make the revisions that a release without them left to be made, then forget old ones."""
    for gateway in set(store.stale(ApiInstance.objects.order_by()).values_list("gateway_id", flat=True)):
        if gateway:
            adopt(gateway)
    forget_old()


@transaction.atomic
def adopt(gateway_id: UUID) -> int:
    """Makes them in batches, so that nobody who saves waits long for the gateway's row."""
    gateway = Gateway.objects.select_for_update(no_key=True).filter(pk=gateway_id).first()
    return store.adopt_some(gateway, ADOPTED_AT_ONCE) if gateway else 0


@transaction.atomic
def forget_old(*, last: int = KEEP_LAST, most: int = MOST) -> int:
    """Returns how many went. What a gateway is to run stays, and what somebody is about to deploy."""
    since = timezone.now() - timedelta(days=settings.REVISIONS_KEEP_DAYS)
    values: dict[str, int | datetime] = {"last": last, "most": most, "since": since, "at_once": AT_ONCE}
    with connection.cursor() as cursor:
        cursor.execute(_OLD, values)
        ids = [pk for (pk,) in cursor.fetchall()]
    locked = Revision.objects.select_for_update(skip_locked=True).filter(pk__in=ids)
    ids = list(locked.order_by("pk").values_list("pk", flat=True))
    used = ApiInstance.objects.filter(revision__in=ids).values("revision")
    count, _ = Revision.objects.filter(pk__in=ids).exclude(pk__in=used).delete()
    return count
