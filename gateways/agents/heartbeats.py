"""What a replica's heartbeat changes, and what the console answers."""

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from gateways.models import Book, Gateway, Replica
from gateways.protocol.messages import BookState, BookWanted, Heartbeat, HeartbeatAnswer

MOST_AHEAD = 100_000
"""Generations by which a replica may be ahead: changes saved since a backup that was restored. Each claim
moves the gateway on, and a number near the largest would leave room for no change.
"""


MOST_REPLICAS = 1000
"""Rows that one gateway may have: its key can name as many replicas as it likes."""


class TooManyReplicas(Exception):
    """So many of the gateway are connected that another one is not taken."""


class ForeignReplica(Exception):
    """The replica's id belongs to another gateway."""


class ImpossibleGeneration(Exception):
    """The replica says that it runs what this console cannot have sent."""


@transaction.atomic
def record(gateway: Gateway, heartbeat: Heartbeat) -> HeartbeatAnswer:
    """Keep what the replica said of itself; say what it should run.

    Raises ForeignReplica, ImpossibleGeneration and TooManyReplicas, and nothing is kept then.
    """
    _check_possible(gateway, heartbeat)
    facts, now = heartbeat.replica, timezone.now()
    replica, is_new = Replica.objects.select_for_update().get_or_create(
        pk=facts.id,
        defaults={"gateway": gateway, "started_at": now, "last_heartbeat_at": now},
    )
    if replica.gateway_id != gateway.pk:
        raise ForeignReplica(f"the replica {facts.id} belongs to another gateway; remove its replica.json")
    if is_new:
        _make_room(gateway)
    replica.has_stream = heartbeat.stream is True and heartbeat.state == "running"
    replica.name = facts.name[:120]
    replica.version = facts.version[:40]
    replica.envoy_version = facts.envoy_version[:40] or replica.envoy_version
    replica.control_url = facts.control_url
    replica.started_at = min(facts.started_at, now)
    replica.last_heartbeat_at = now
    replica.stopped_at = now if heartbeat.state == "stopped" else None
    replica.generation, replica.digest = heartbeat.generation, heartbeat.digest
    if heartbeat.contracts:
        replica.contracts_generation = heartbeat.contracts.generation
        replica.contracts_digest = heartbeat.contracts.digest
    replica.envoy = heartbeat.envoy | {
        "phase": heartbeat.state,
        "shed": heartbeat.shed,
        "warnings": heartbeat.warnings,
    }
    replica.save()
    return answer(_not_behind(gateway, heartbeat), heartbeat)


def _make_room(gateway: Gateway) -> None:
    """Forget the replicas that were heard of longest ago and are gone. Raises TooManyReplicas."""
    surplus = gateway.replicas.count() - MOST_REPLICAS
    if surplus <= 0:
        return
    gone = gateway.replicas.exclude(pk__in=gateway.replicas.connected().values("pk"))
    oldest = list(gone.order_by("last_heartbeat_at").values_list("pk", flat=True)[:surplus])
    if len(oldest) < surplus:
        raise TooManyReplicas(
            f'"{gateway}" has {MOST_REPLICAS} connected replicas, and no more are taken; register another one'
        )
    Replica.objects.filter(pk__in=oldest).delete()


def answer(gateway: Gateway, heartbeat: Heartbeat) -> HeartbeatAnswer:
    """What is wanted. The digest is empty until the wanted generation has been built."""
    wanted = gateway.digest if gateway.built_generation == gateway.generation else ""
    is_current = heartbeat.generation == gateway.generation and (not wanted or heartbeat.digest == wanted)
    return HeartbeatAnswer(
        generation=gateway.generation,
        digest=wanted,
        pull=not is_current and heartbeat.state == "running",
        heartbeat_seconds=settings.HEARTBEAT_SECONDS,
        contracts=_contracts(gateway, heartbeat) if heartbeat.contracts else None,
    )


def _contracts(gateway: Gateway, heartbeat: Heartbeat) -> BookWanted:
    """The contracts that are wanted; what a replica has from a database that was restored from a backup is
    gone beyond.
    """
    told = heartbeat.contracts or BookState(generation=0, digest="")
    book = _book(gateway)
    if told.generation > book.generation:
        behind = Book.objects.filter(pk=gateway.pk, generation__lt=told.generation)
        if not behind.update(generation=told.generation + 1):
            Book.objects.get_or_create(gateway=gateway, defaults={"generation": told.generation + 1})
        book = Book.objects.get(pk=gateway.pk)
    wanted = book.digest if book.built_generation == book.generation else ""
    is_current = told.generation == book.generation and (not wanted or told.digest == wanted)
    is_running = heartbeat.state == "running"
    return BookWanted(generation=book.generation, digest=wanted, pull=is_running and not is_current)


def _book(gateway: Gateway) -> Book:
    """Not saved where no contract was ever made."""
    return getattr(gateway, "book", None) or Book(gateway=gateway)


def _check_possible(gateway: Gateway, heartbeat: Heartbeat) -> None:
    told = heartbeat.contracts.generation if heartbeat.contracts else 0
    pairs = (
        ("generation", heartbeat.generation, gateway.generation, "snapshot*.json"),
        ("contracts", told, _book(gateway).generation, "contracts.sealed"),
    )
    for word, generation, now, files in pairs:
        if generation > now + MOST_AHEAD:
            raise ImpossibleGeneration(
                f"{word} {generation} was never this gateway's, which is at {now}; "
                f"stop the replica, remove {files} from its state folder, and start it again"
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
