"""Bad days of an API: a change that its gateway has not heard of, or that replicas refuse; the way back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.db import connection
from django.db.models import Max

from apis.deployment.status import ReplicaStatus
from apis.models import ApiInstance
from apis.revision import Brought, Revision
from gateways.models import ResourceStatus


@dataclass(frozen=True)
class Trouble:
    """`back` is the revision that all replicas ran last, where there is another one than is to run now.

    `change` is what brought what is to run.
    """

    kind: Literal["away", "refused"]
    replicas: Sequence[ReplicaStatus]
    change: Brought | None
    back: Revision | None

    @property
    def refused(self) -> list[ReplicaStatus]:
        return [one for one in self.replicas if one.state == "refused"]

    @property
    def is_partial(self) -> bool:
        return any(one.state == "applied" for one in self.replicas)


def of(api: ApiInstance, replicas: Sequence[ReplicaStatus]) -> Trouble | None:
    """`replicas` are where it stands on its gateway's: none where none of them reports."""
    if not api.is_deployed or api.gateway is None:
        return None
    if any(one.state == "refused" for one in replicas):
        return Trouble("refused", replicas, _change(api), _last_good(api, but=api.revision_id))
    if replicas or _was_heard(api):
        return None
    ran = _last_good(api)
    is_same = ran is not None and ran.pk == api.revision_id
    return None if is_same else Trouble("away", replicas, _change(api), ran)


def _last_good(api: ApiInstance, but: int | None = None) -> Revision | None:
    """The newest revision that every replica which answered took, `but` this one."""
    values = {
        "api": api.pk,
        "gateway": api.gateway_id,
        "name": api.resource_name,
        "but": but,
        "most": _MOST_TRIED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LAST_GOOD, values)
        found = cursor.fetchone()
    return Revision.objects.without_text().filter(pk=found[0]).first() if found else None


def _was_heard(api: ApiInstance) -> bool:
    """Whether any replica has answered to the version that is wanted."""
    said = ResourceStatus.objects.filter(
        replica__gateway=api.gateway_id, namespace=str(api.environment_id), name=api.resource_name
    )
    newest = said.aggregate(newest=Max("generation"))["newest"]
    return newest is not None and newest >= api.changed_generation


def _change(api: ApiInstance) -> Brought | None:
    rows = Brought.objects.filter(api=api, gateway=api.gateway).select_related("entry")
    return rows.order_by("-generation").first()


_MOST_TRIED = 50
# What was brought was wanted until the next was. A replica's last answer of that time counts: it may have
# refused the first snapshot as a whole, and have taken the next, in which the API was the same.
_LAST_GOOD = """
    WITH own AS (
        SELECT revision_id, generation, lead(generation) OVER (ORDER BY generation) AS next
        FROM (
            SELECT revision_id, generation FROM apis_brought
            WHERE api_id = %(api)s AND gateway_id = %(gateway)s ORDER BY generation DESC LIMIT %(most)s
        ) AS newest
    ), said AS (
        SELECT DISTINCT ON (own.generation, ack.replica_id) own.revision_id, own.generation,
            ack.applied AND NOT ack.refused ? %(name)s AS is_taken
        FROM own JOIN gateways_deployment AS deployment ON deployment.gateway_id = %(gateway)s
                AND deployment.generation >= own.generation
                AND (own.next IS NULL OR deployment.generation < own.next)
            JOIN gateways_ack AS ack ON ack.deployment_id = deployment.id
        WHERE own.revision_id IS NOT NULL AND own.revision_id IS DISTINCT FROM %(but)s
        ORDER BY own.generation, ack.replica_id, deployment.generation DESC
    )
    SELECT revision_id FROM said GROUP BY revision_id, generation HAVING bool_and(is_taken)
    ORDER BY generation DESC LIMIT 1
"""
