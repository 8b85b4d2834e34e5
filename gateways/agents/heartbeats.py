"""What a replica's heartbeat changes, and what the console answers."""

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from gateways.models import Gateway, Replica
from gateways.protocol.messages import Heartbeat, HeartbeatAnswer

MOST_AHEAD = 100_000
"""Generations by which a replica may be ahead: changes saved since a backup that was restored. Each claim
moves the gateway on, and a number near the largest would leave room for no change.
"""


class ForeignReplica(Exception):
    """The replica's id belongs to another gateway."""


class ImpossibleGeneration(Exception):
    """The replica says that it runs what this console cannot have sent."""


@transaction.atomic
def record(gateway: Gateway, heartbeat: Heartbeat) -> HeartbeatAnswer:
    """Keep what the replica said of itself; say what it should run.

    Raises ForeignReplica and ImpossibleGeneration, and nothing is kept then.
    """
    if heartbeat.generation > gateway.generation + MOST_AHEAD:
        raise ImpossibleGeneration(
            f"generation {heartbeat.generation} was never this gateway's, which is at {gateway.generation}; "
            "stop the replica, remove snapshot*.json from its state folder, and start it again"
        )
    facts, now = heartbeat.replica, timezone.now()
    replica, _ = Replica.objects.select_for_update().get_or_create(
        pk=facts.id,
        defaults={"gateway": gateway, "started_at": facts.started_at, "last_heartbeat_at": now},
    )
    if replica.gateway_id != gateway.pk:
        raise ForeignReplica(f"the replica {facts.id} belongs to another gateway; remove its replica.json")
    replica.has_stream = heartbeat.stream is True and heartbeat.state == "running"
    replica.name = facts.name[:120]
    replica.version = facts.version[:40]
    replica.envoy_version = facts.envoy_version[:40] or replica.envoy_version
    replica.control_url = facts.control_url
    replica.started_at = facts.started_at
    replica.last_heartbeat_at = now
    replica.stopped_at = now if heartbeat.state == "stopped" else None
    replica.generation, replica.digest = heartbeat.generation, heartbeat.digest
    replica.envoy = heartbeat.envoy | {
        "phase": heartbeat.state,
        "shed": heartbeat.shed,
        "warnings": heartbeat.warnings,
    }
    replica.save()
    return answer(_not_behind(gateway, heartbeat), heartbeat)


def answer(gateway: Gateway, heartbeat: Heartbeat) -> HeartbeatAnswer:
    """What is wanted. The digest is empty until the wanted generation has been built."""
    wanted = gateway.digest if gateway.built_generation == gateway.generation else ""
    is_current = heartbeat.generation == gateway.generation and (not wanted or heartbeat.digest == wanted)
    return HeartbeatAnswer(
        generation=gateway.generation,
        digest=wanted,
        pull=not is_current and heartbeat.state == "running",
        heartbeat_seconds=settings.HEARTBEAT_SECONDS,
    )


def _not_behind(gateway: Gateway, heartbeat: Heartbeat) -> Gateway:
    """A replica that runs a later generation tells that the database was restored from a backup.

    The console continues after it, since replicas refuse older generations.
    """
    if gateway.generation < heartbeat.generation:
        Gateway.objects.filter(pk=gateway.pk, generation__lt=heartbeat.generation).update(
            generation=heartbeat.generation + 1, updated_at=F("updated_at")
        )
        gateway.refresh_from_db()
    return gateway
