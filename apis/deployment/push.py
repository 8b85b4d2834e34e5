"""Brings a gateway to its newest snapshot: the road from a saved change to running traffic.

A change commits rows and a higher `gateway.generation`, then asks a worker to call `push` here, which
builds the snapshot and sends it down the gateway's streams. It waits for no replica: an answer is a
request of its own, and a replica that has no stream, or missed this, fetches with its next heartbeat. So
no gateway, whatever it does, holds a worker's thread for longer than its snapshot takes to build.

One worker at a time pushes to a gateway. Whoever finds its lock taken leaves at once, because the holder
looks again after letting go. A single change is pushed at once; of several in a row the first is, and the
next push waits until they stop coming. Nobody sleeps meanwhile: the task is put off.
"""

import logging
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from apis.deployment import books, snapshot
from apis.deployment.alone import SNAPSHOTS, alone
from console.compiled import CompiledQuery
from gateways.agents import push as replicas
from gateways.models import Deployment, Gateway

logger = logging.getLogger(__name__)

QUIET = timedelta(seconds=0.2)
LONGEST_BURST = timedelta(seconds=2)

_PUSHED = Deployment.objects.order_by().filter(pushed_at__isnull=False)
_NEEDING = CompiledQuery(
    lambda gateway: (
        Gateway.objects.order_by()
        .filter(pk=gateway, is_revoked=False, generation__gt=0)
        .exclude(Exists(_PUSHED.filter(gateway=OuterRef("pk"), generation=OuterRef("generation"))))
    ),
    gateway=uuid4(),
)
_LAST = CompiledQuery(
    lambda gateway: _PUSHED.filter(gateway=gateway).order_by("-generation")[:1], gateway=uuid4()
)


def push(gateway_id: UUID | str) -> timedelta | None:
    """Send the gateway's newest generation, once; after how long to call again, when more is to be done."""
    while (gateway := _needing(gateway_id)) is not None:
        with alone(SNAPSHOTS, gateway.pk.int) as is_ours:
            if not is_ours:
                return None
            if pause := _rest_of_burst(gateway):
                return pause
            # First: an API that comes to the gateway finds its contracts there.
            books.refresh(gateway)
            # One commit: each is waited for.
            with transaction.atomic():
                wanted = snapshot.build(gateway)
                attempt = replicas.deployment(gateway, wanted.generation, wanted.digest, wanted.count)
            streams = replicas.push(attempt, wanted)
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
    return _NEEDING.first(gateway=UUID(str(gateway_id)))


def _rest_of_burst(gateway: Gateway) -> timedelta | None:
    """How long to wait for more changes that come in a row; None when this is the time to push."""
    now = timezone.now()
    last = _LAST.first(gateway=gateway.pk)
    if last is None or last.pushed_at is None:
        return None
    since = now - last.pushed_at
    if not timedelta() <= since <= LONGEST_BURST:  # a push in the future tells of machines' clocks alone
        return None
    if since < QUIET:
        return QUIET - since
    is_over = gateway.generation == last.generation + 1 or now - gateway.updated_at >= QUIET
    return None if is_over else QUIET
