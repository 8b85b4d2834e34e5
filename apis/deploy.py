"""Brings a gateway to its newest snapshot: the road from a saved change to running traffic.

A change commits rows and a higher `gateway.generation`, then asks a worker to call `push` here. One
worker at a time pushes to a gateway: PostgreSQL's advisory lock says which, and lets go when that
worker dies. Whoever finds the lock taken leaves at once, because the holder looks again after
letting go: ten quick saves make one or two pushes, and none is forgotten. A single change is pushed at
once; when several came during a push, the next one waits until they stop coming. A push that reached
nobody is not repeated from here; replicas that are behind pull with their next heartbeat.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection
from django.db.models import Exists, F, OuterRef

from apis import snapshot
from gateways import push as replicas
from gateways.models import Ack, Deployment, Gateway, Replica

logger = logging.getLogger(__name__)

LOCKS = 0x6A7E
"""Our half of the advisory lock's key, so that other users of the database do not meet us."""
QUIET_SECONDS = 0.2
LONGEST_BURST_SECONDS = 2.0


def push(gateway_id: UUID | str) -> int:
    """Push until the gateway's newest generation has been put to every live replica.

    The number of pushes made: 0 when nothing was to do or another worker is at it.
    """
    made, sent = 0, -1
    while (gateway := _needing(gateway_id, sent)) is not None:
        with _alone(gateway) as is_ours:
            if not is_ours:
                return made
            if made and gateway.generation > sent + 1:
                _wait_for_the_end_of_a_burst(gateway)
            wanted = snapshot.build(gateway)
            acks = replicas.push(gateway, wanted)
        made, sent = made + 1, wanted.generation
        logger.info(
            "pushed gateway=%s generation=%d resources=%d acks=%d applied=%d",
            gateway.pk,
            wanted.generation,
            wanted.count,
            len(acks),
            sum(ack.applied for ack in acks),
        )
    return made


def behind() -> list[UUID]:
    """Gateways with a live, reachable replica that has not answered about the newest generation."""
    answered = Ack.objects.filter(
        replica=OuterRef("pk"), deployment__generation=OuterRef("gateway__generation")
    )
    waiting = (
        Replica.objects.connected()
        .filter(~Exists(answered), generation__lt=F("gateway__generation"), is_reachable=True)
        .exclude(control_url="")
        .exclude(gateway__is_revoked=True)
    )
    return list(waiting.values_list("gateway_id", flat=True).distinct())


def _needing(gateway_id: UUID | str, sent: int) -> Gateway | None:
    """The gateway, when it exists and has a generation after `sent` that was not pushed yet."""
    gateway = Gateway.objects.filter(pk=gateway_id, is_revoked=False, generation__gt=sent).first()
    if gateway is None:
        return None
    is_pushed = Deployment.objects.filter(gateway=gateway, generation=gateway.generation).exists()
    return None if is_pushed and gateway.pk not in behind() else gateway


def _wait_for_the_end_of_a_burst(gateway: Gateway) -> None:
    """Until no change was saved for a moment; for changes that never stop, no longer than a burst."""
    newest, until = gateway.generation, time.monotonic() + LONGEST_BURST_SECONDS
    while time.monotonic() < until:
        time.sleep(QUIET_SECONDS)
        before = newest
        newest = Gateway.objects.values_list("generation", flat=True).get(pk=gateway.pk)
        if newest == before:
            return


@contextmanager
def _alone(gateway: Gateway) -> Iterator[bool]:
    """Whether nobody else pushes to this gateway; nobody else does until the block ends."""
    key = [LOCKS, gateway.pk.int & 0x7FFFFFFF]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        (is_ours,) = cursor.fetchone()
        try:
            yield is_ours
        finally:
            if is_ours:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
