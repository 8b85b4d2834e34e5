"""Who may ask what, and in which form; what is wrong with a signature is in test_trust."""

import time

import pytest
from django.test import Client
from django.utils import timezone

from gateways.models import Replica
from gateways.protocol import trust
from tests.factories import make_gateway
from tests.gateways.replica import HEARTBEATS, SigningReplica

pytestmark = pytest.mark.django_db


def test_unsigned_request_is_refused() -> None:
    answer = Client().post(HEARTBEATS, {}, content_type="application/json")

    assert answer.status_code == 401
    assert answer.json()["message"] == "the request is not signed"


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


@pytest.mark.parametrize("length", ["²", "-1", "1e3", "9" * 5000, "٣"])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    answer = Client().post(HEARTBEATS, b"{}", content_type="application/json", CONTENT_LENGTH=length)

    assert answer.status_code == 411


@pytest.mark.parametrize(
    "fields",
    [
        {"generation": -1},
        {"generation": 2**53 + 1},
        {"digest": "x" * 65},
        {"digest": "\0"},
        {"unknown": 1},
        {"shed": {"disk": 2**63}},
        {"warnings": ["x" * 1001]},
        {"shed": {str(number): 1 for number in range(51)}},
        {"envoy": {"uptime": float("nan")}},
        {"envoy": {"listeners": [float("inf")]}},
    ],
)
def test_malformed_heartbeat_is_refused_by_field(fields: dict[str, object]) -> None:
    answer = SigningReplica().heartbeat(**fields)

    assert answer.status_code == 400
    assert answer.json()["message"]


@pytest.mark.parametrize(
    "url",
    [
        "http://inside/secrets?",
        "http://inside/#",
        "http://user:word@inside",
        "ftp://inside",
        "http://a b",
        "http://",
        "http://a:99999",
        f"http://{'a' * 64}",
        "http://-a",
        "http://\u00e9\u00df..x",
    ],
)
def test_a_control_url_says_host_port_and_prefix_alone(url: str) -> None:
    replica = SigningReplica()

    answer = replica.heartbeat(control_url=url)

    assert answer.status_code == 400
    assert "control" in answer.json()["message"]


@pytest.mark.parametrize(
    "at", ["2026-01-02T03:04:05", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_a_time_without_a_zone_or_beyond_all_clocks_is_refused(at: str) -> None:
    """PostgreSQL keeps the year 10000; whoever reads the row again cannot."""
    replica = SigningReplica()
    assert replica.heartbeat().status_code == 200
    body = replica.heartbeat_body()

    heartbeat = replica.post(HEARTBEATS, body | {"replica": body["replica"] | {"startedAt": at}})
    ack = replica.ack(0, at=at)

    assert (heartbeat.status_code, ack.status_code) == (400, 400)
    assert "startedAt" in heartbeat.json()["message"]


def test_a_replica_that_starts_in_the_future_started_now() -> None:
    replica = SigningReplica()
    body = replica.heartbeat_body()
    told = body["replica"] | {"startedAt": "9998-12-31T23:59:59Z"}

    assert replica.post(HEARTBEATS, body | {"replica": told}).status_code == 200

    assert Replica.objects.get().started_at <= timezone.now()


def test_token_of_another_algorithm_is_refused() -> None:
    replica = SigningReplica()
    unsigned = "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiIifQ."

    with pytest.raises(trust.Untrusted):
        trust.verify(unsigned, replica.keys.public, issuer="", audience="", method="GET", path="/", body=b"")
