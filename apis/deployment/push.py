"""Brings a gateway to its newest snapshot: the road from a saved change to running traffic.

A change commits rows and a higher `gateway.generation`, then asks a worker to call `push` here, which
builds the snapshot and sends it down the gateway's streams. It waits for no replica: an answer is a
request of its own, and a replica that has no stream, or missed this, fetches with its next heartbeat. So
no gateway, whatever it does, holds a worker's thread for longer than its snapshot takes to build.

One worker at a time pushes to a gateway: PostgreSQL's advisory lock says which, and lets go when that
worker dies. Whoever finds the lock taken leaves at once, because the holder looks again after letting
go. A single change is pushed at once; of several in a row the first is, and the next push waits until
they stop coming. Nobody sleeps meanwhile: the task is put off.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apis.deployment import snapshot
from gateways.agents import push as replicas
from gateways.models import Deployment, Gateway

logger = logging.getLogger(__name__)

LOCKS = 0x6A7E
"""Our half of the advisory lock's key, so that other users of the database do not meet us."""
QUIET = timedelta(seconds=0.2)
LONGEST_BURST = timedelta(seconds=2)


def push(gateway_id: UUID | str) -> timedelta | None:
    """Send the gateway's newest generation, once; after how long to call again, when more is to be done."""
    while (gateway := _needing(gateway_id)) is not None:
        with _alone(gateway) as is_ours:
            if not is_ours:
                return None
            if pause := _rest_of_burst(gateway):
                return pause
            wanted = snapshot.build(gateway)
            streams = replicas.push(gateway, wanted)
        logger.info(
            "pushed gateway=%s generation=%d resources=%d streams=%d",
            gateway.pk,
            wanted.generation,
            wanted.count,
            streams,
        )
    return None


def _needing(gateway_id: UUID | str) -> Gateway | None:
    """The gateway, when it exists and has a generation that was not pushed yet."""
    gateway = Gateway.objects.filter(pk=gateway_id, is_revoked=False, generation__gt=0).first()
    if gateway is None:
        return None
    pushed = Deployment.objects.filter(gateway=gateway, generation=gateway.generation)
    return None if pushed.exclude(pushed_at=None).exists() else gateway


def _rest_of_burst(gateway: Gateway) -> timedelta | None:
    """How long to wait for more changes that come in a row; None when this is the time to push."""
    now = timezone.now()
    last = Deployment.objects.filter(gateway=gateway).exclude(pushed_at=None).first()
    if last is None or last.pushed_at is None:
        return None
    since = now - last.pushed_at
    if not timedelta() <= since <= LONGEST_BURST:  # a push in the future tells of machines' clocks alone
        return None
    if since < QUIET:
        return QUIET - since
    is_over = gateway.generation == last.generation + 1 or now - gateway.updated_at >= QUIET
    return None if is_over else QUIET


@contextmanager
def _alone(gateway: Gateway) -> Iterator[bool]:
    """Takes the gateway's lock for the block; False when another worker pushes to it."""
    key = [LOCKS, gateway.pk.int & 0x7FFFFFFF]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        (is_ours,) = cursor.fetchone()
        try:
            yield is_ours
        finally:
            if is_ours:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
