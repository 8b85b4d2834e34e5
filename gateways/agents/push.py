"""Sends snapshots to replicas; what they answer comes as requests of its own."""

import logging

from django.utils import timezone
from redis import RedisError

from gateways.agents import outbox
from gateways.agents.packed import Packed
from gateways.models import Deployment, Gateway

log = logging.getLogger(__name__)


def push(attempt: Deployment, snapshot: Packed) -> int:
    """Send the snapshot down every stream of the attempt's gateway, and wait for nobody.

    How many live replicas said that they have a stream: those that have none fetch it with their next
    heartbeat, as do all when Valkey is away. Answers come as requests of their own.
    """
    gateway = attempt.gateway
    try:
        outbox.send(gateway, snapshot)
    except RedisError as error:
        log.warning("gateway=%s generation=%d sent=false reason=%r", gateway, snapshot.generation, str(error))
    Deployment.objects.filter(pk=attempt.pk).update(pushed_at=timezone.now())
    return gateway.replicas.connected().filter(has_stream=True).count()


def deployment(gateway: Gateway, generation: int, digest: str, resources_count: int) -> Deployment:
    """The row of this attempt. Asking again for the same generation gives the same row."""
    row = Deployment(gateway=gateway, generation=generation, digest=digest, resources_count=resources_count)
    # One statement: replicas wait for it.
    [row] = Deployment.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["gateway", "generation"],
        update_fields=["digest", "resources_count"],
    )
    return row
