"""Heartbeats make Connected, silence and goodbyes make Disconnected, differences ask for a pull."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gateways import tasks
from gateways.agents import heartbeats
from gateways.agents.heartbeats import MOST_REPLICAS
from gateways.models import Gateway, Replica, SeenToken
from tests.gateways.replica import SigningReplica

pytestmark = pytest.mark.django_db


def test_heartbeat_makes_the_gateway_connected() -> None:
    replica = SigningReplica()
    assert replica.gateway.status == Gateway.Status.DISCONNECTED

    answer = replica.heartbeat()

    assert answer.status_code == 200
    assert replica.gateway.status == Gateway.Status.CONNECTED
    assert answer.json() == {"generation": 0, "digest": "", "pull": False, "heartbeatSeconds": 5}


def test_goodbye_makes_it_disconnected() -> None:
    replica = SigningReplica()
    replica.heartbeat()

    replica.heartbeat(state="stopped")

    assert replica.gateway.status == Gateway.Status.DISCONNECTED


def test_silence_makes_it_disconnected() -> None:
    replica = SigningReplica()
    replica.heartbeat()

    Replica.objects.update(last_heartbeat_at=timezone.now() - timedelta(seconds=16))

    assert replica.gateway.status == Gateway.Status.DISCONNECTED


def test_another_generation_asks_for_a_pull() -> None:
    replica = SigningReplica()
    Gateway.objects.update(generation=3)

    assert replica.heartbeat(generation=2).json()["pull"] is True


def test_another_digest_of_the_same_generation_asks_for_a_pull() -> None:
    replica = SigningReplica()
    Gateway.objects.update(generation=3, built_generation=3, digest="a" * 64)

    assert replica.heartbeat(generation=3, digest="b" * 64).json()["pull"] is True
    assert replica.heartbeat(generation=3, digest="a" * 64).json()["pull"] is False


def test_restored_database_continues_after_the_replica() -> None:
    replica = SigningReplica()
    Gateway.objects.update(generation=3, built_generation=3, digest="a" * 64)

    answer = replica.heartbeat(generation=9, digest="b" * 64).json()

    assert (answer["generation"], answer["pull"]) == (10, True)


@pytest.mark.parametrize("ahead", [heartbeats.MOST_AHEAD + 1, 2**53])
def test_a_generation_that_was_never_sent_moves_nothing(ahead: int) -> None:
    """One with 2**53 left no number for the next change: the gateway took none any more."""
    replica = SigningReplica()
    Gateway.objects.update(generation=3)
    claimed = min(3 + ahead, 2**53)

    answer = replica.heartbeat(generation=claimed)

    assert answer.status_code == 400
    assert f"generation {claimed} was never this gateway's" in answer.json()["message"]
    assert Gateway.objects.get().generation == 3
    assert not Replica.objects.exists()


def test_a_replica_has_a_stream_when_it_says_so_and_runs() -> None:
    replica = SigningReplica()
    said = []

    for fields in ({}, {"stream": True}, {"stream": False}, {"stream": True, "state": "draining"}):
        replica.heartbeat(**fields)
        said.append(Replica.objects.get().has_stream)

    assert said == [False, True, False, False]


def test_old_replicas_and_used_ids_are_forgotten() -> None:
    replica = SigningReplica()
    replica.heartbeat()
    Replica.objects.update(last_heartbeat_at=timezone.now() - timedelta(days=8))
    SeenToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    tasks.forget_old()

    assert not Replica.objects.exists()
    assert not SeenToken.objects.exists()


def test_what_is_old_is_forgotten_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AT_ONCE", 2)
    replica, now = SigningReplica(), timezone.now()
    for _ in range(5):
        replica.heartbeat()
    SeenToken.objects.update(expires_at=now - timedelta(seconds=1))
    replica.heartbeat()

    with CaptureQueriesContext(connection) as asked:
        tasks.forget_old()

    assert SeenToken.objects.count() == 1
    assert sum("DELETE" in one["sql"] for one in asked) == 3


@pytest.mark.parametrize("is_gone", [True, False])
def test_a_gateway_has_a_bounded_number_of_replicas(is_gone: bool) -> None:
    """Its key can name a new one with every heartbeat."""
    known = SigningReplica()
    assert known.heartbeat().status_code == 200
    heard = timezone.now() - timedelta(days=1 if is_gone else 0)
    Replica.objects.bulk_create(
        Replica(id=uuid4(), gateway=known.gateway, started_at=heard, last_heartbeat_at=heard)
        for _ in range(MOST_REPLICAS - 1)
    )

    answer = SigningReplica(known.keys, known.gateway).heartbeat()

    assert answer.status_code == (200 if is_gone else 403)
    assert known.gateway.replicas.count() == MOST_REPLICAS
    assert known.heartbeat().status_code == 200
