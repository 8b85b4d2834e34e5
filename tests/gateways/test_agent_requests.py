"""Only the gateway's own key, for exactly this request, once, on time."""

import json
import time

import pytest
from django.test import Client

from gateways.agent import trust
from gateways.models import Replica
from tests.factories import make_gateway
from tests.gateways.replica import HEARTBEATS, SigningReplica

pytestmark = pytest.mark.django_db


def test_unsigned_request_is_refused() -> None:
    answer = Client().post(HEARTBEATS, {}, content_type="application/json")

    assert answer.status_code == 401
    assert answer.json()["message"] == "the request is not signed"


def test_signature_of_another_key_is_refused() -> None:
    replica = SigningReplica()
    forger = SigningReplica(gateway=replica.gateway)

    answer = forger.heartbeat()

    assert answer.status_code == 401
    assert "does not match the key" in answer.json()["message"]
    assert not Replica.objects.exists()


def test_signature_for_another_receiver_is_refused() -> None:
    replica = SigningReplica()
    body = replica.heartbeat_body()

    answer = replica.post(HEARTBEATS, body, replica.sign(json.dumps(body).encode(), audience="other"))

    assert answer.status_code == 401
    assert "another receiver" in answer.json()["message"]


def test_signature_for_another_path_is_refused() -> None:
    replica = SigningReplica()
    body = replica.heartbeat_body()

    answer = replica.post(HEARTBEATS, body, replica.sign(json.dumps(body).encode(), path="/agent/v1/acks"))

    assert "another path" in answer.json()["message"]


def test_altered_body_is_refused() -> None:
    replica = SigningReplica()
    signature = replica.sign(json.dumps(replica.heartbeat_body()).encode())

    answer = replica.post(HEARTBEATS, replica.heartbeat_body(generation=7), signature)

    assert answer.status_code == 401
    assert "another body" in answer.json()["message"]


def test_replayed_request_is_refused() -> None:
    replica = SigningReplica()
    body = replica.heartbeat_body()
    signature = replica.sign(json.dumps(body).encode())

    first = replica.post(HEARTBEATS, body, signature)
    second = replica.post(HEARTBEATS, body, signature)

    assert (first.status_code, second.status_code) == (200, 401)
    assert "answered before" in second.json()["message"]


@pytest.mark.parametrize(("offset", "words"), [(-600, "10 min behind"), (600, "10 min ahead")])
def test_clock_that_is_off_is_told(offset: int, words: str) -> None:
    replica = SigningReplica(now=lambda: time.time() + offset)

    answer = replica.heartbeat()

    assert answer.status_code == 401
    assert words in answer.json()["message"]


def test_small_clock_difference_is_allowed() -> None:
    replica = SigningReplica(now=lambda: time.time() - 80)

    assert replica.heartbeat().status_code == 200


def test_unknown_gateway_is_refused() -> None:
    replica = SigningReplica()
    replica.gateway.delete()
    replica.gateway.pk = make_gateway().pk
    type(replica.gateway).objects.all().delete()

    answer = replica.heartbeat()

    assert answer.status_code == 401
    assert "no gateway of this registration" in answer.json()["message"]


def test_revoked_gateway_is_refused() -> None:
    replica = SigningReplica()
    replica.gateway.is_revoked = True
    replica.gateway.save()

    assert replica.heartbeat().status_code == 403


def test_replica_speaks_for_itself_alone() -> None:
    replica = SigningReplica()
    body = replica.heartbeat_body()
    body["replica"]["id"] = SigningReplica().id

    assert replica.post(HEARTBEATS, body).status_code == 403


def test_replica_of_another_gateway_is_refused() -> None:
    mine = SigningReplica()
    mine.heartbeat()
    thief = SigningReplica(id=mine.id)

    answer = thief.heartbeat()

    assert answer.status_code == 403
    assert Replica.objects.get().gateway == mine.gateway


def test_body_over_the_limit_is_refused() -> None:
    replica = SigningReplica()

    answer = replica.heartbeat(digest="x" * (1024 * 1024))

    assert answer.status_code == 413


@pytest.mark.parametrize(
    "fields", [{"generation": -1}, {"digest": "x" * 65}, {"unknown": 1}, {"digest": "\0"}]
)
def test_malformed_heartbeat_is_refused_by_field(fields: dict[str, object]) -> None:
    answer = SigningReplica().heartbeat(**fields)

    assert answer.status_code == 400
    assert answer.json()["message"]


def test_token_of_another_algorithm_is_refused() -> None:
    replica = SigningReplica()
    unsigned = "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiIifQ."

    with pytest.raises(trust.Untrusted):
        trust.verify(unsigned, replica.keys.public, issuer="", audience="", method="GET", path="/", body=b"")
