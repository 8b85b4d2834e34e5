"""Whatever is wrong with an agent's request: each address refuses it, logs why, and nothing changes."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from gateways import change
from gateways.models import Gateway, RegistrationToken
from gateways.protocol import trust
from gateways.protocol.messages import CONSOLE
from tests.factories import make_actor, make_environment
from tests.gateways.replica import SigningReplica

pytestmark = pytest.mark.django_db

AGENT = "/agent/v1"


@dataclass(frozen=True)
class Address:
    """What agents call there, as the replica that the console knows."""

    method: str
    path: str
    replica: SigningReplica

    def body(self) -> bytes:
        at, replica = timezone.now().isoformat(), self.replica.id
        ack = {"replica": replica, "generation": 2, "digest": "d", "applied": True, "at": at}
        bodies = {
            "heartbeats": self.replica.heartbeat_body(generation=2),
            "acks": ack,
            "traffic": {"replica": replica, "file": "1", "start": 0, "end": 10, "counts": []},
        }
        name = self.path.rpartition("/")[2]
        return json.dumps(bodies[name]).encode() if name in bodies else b""

    def send(self, body: bytes, signature: str) -> HttpResponse:
        headers = {"Authorization": signature}
        return Client().generic(
            self.method, self.path, body, content_type="application/json", headers=headers
        )

    def ask(self, by: SigningReplica | None = None, more: bytes = b"", **signed: str) -> HttpResponse:
        """What is right, except that another signs it, for another use, or that more is added."""
        body = self.body()
        signed = {"path": self.path, "method": self.method, "audience": CONSOLE} | signed
        return self.send(body + more, (by or self.replica).sign(body, **signed))

    def with_clock(self, offset: float) -> HttpResponse:
        mine = self.replica
        off = SigningReplica(mine.keys, mine.gateway, mine.id, now=lambda: time.time() + offset)
        return self.ask(by=off)


@pytest.fixture(
    params=[("POST", "heartbeats"), ("POST", "acks"), ("POST", "traffic"), ("GET", "snapshot")],
    ids=lambda param: param[1],
)
def address(request: pytest.FixtureRequest) -> Address:
    replica = SigningReplica()
    Gateway.objects.update(generation=3)
    assert replica.heartbeat().status_code == 200
    method, name = request.param
    return Address(method, f"{AGENT}/{name}", replica)


def forged(address: Address) -> HttpResponse:
    return address.ask(by=SigningReplica(gateway=address.replica.gateway, id=address.replica.id))


def test_what_is_right_is_taken(address: Address) -> None:
    assert address.ask().status_code == 200


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (forged, "does not match the key"),
        (lambda address: address.ask(audience="another-console"), "another receiver"),
        (lambda address: address.ask(path=f"{AGENT}/else"), "another path"),
        (lambda address: address.ask(method="DELETE"), "another method"),
        (lambda address: address.ask(more=b" "), "another body"),
        (lambda address: address.send(address.body(), "Bearer made-up"), "not a token"),
        (lambda address: address.send(address.body(), "Basic YTpi"), "not signed"),
        (lambda address: address.with_clock(600), "10 min ahead of the receiver's; set both by NTP"),
        (lambda address: address.with_clock(-600), "10 min behind the receiver's; set both by NTP"),
    ],
    ids=["forged", "audience", "path", "method", "altered", "no-token", "scheme", "ahead", "behind"],
)
def test_what_is_wrong_is_refused_logged_and_changes_nothing(
    address: Address,
    attempt: Callable[[Address], HttpResponse],
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = everything()

    answer = attempt(address)

    assert answer.status_code == 401
    assert words in answer.json()["message"]
    assert everything() == before
    assert words in refusal(caplog)


def test_a_revoked_gateway_is_refused(address: Address, caplog: pytest.LogCaptureFixture) -> None:
    Gateway.objects.update(is_revoked=True)
    before = everything()

    answer = address.ask()

    assert answer.status_code == 403
    assert "was revoked in the console; register it anew" in answer.json()["message"]
    assert everything() == before
    assert "was revoked" in refusal(caplog)


def test_a_replayed_request_is_refused(address: Address, caplog: pytest.LogCaptureFixture) -> None:
    body = address.body()
    signature = address.replica.sign(body, address.path, address.method)
    first = address.send(body, signature)
    before = everything()

    second = address.send(body, signature)

    assert (first.status_code, second.status_code) == (200, 401)
    assert everything() == before
    assert "answered before" in refusal(caplog)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"used_at": timezone.now()}, "was used already"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expired at"),
        ({"token_hash": "0"}, "is unknown"),
    ],
    ids=["reused", "expired", "unknown"],
)
def test_a_registration_token_that_is_no_good_is_refused(
    spoil: dict[str, Any], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, text = change.issue_token(make_actor(), make_environment(), "edge")
    RegistrationToken.objects.update(**spoil)
    before = everything()

    body = {"token": text, "name": "edge", "publicKey": trust.key_pair().public}
    answer = Client().post(f"{AGENT}/registrations", body, content_type="application/json")

    assert answer.status_code == 401
    assert words in answer.json()["message"]
    assert everything() == before
    assert words in refusal(caplog)
    assert text not in caplog.text


def everything() -> dict[str, list[str]]:
    """Every row of what agents can reach, and the audit log."""
    models = [
        model
        for name in ("gateways", "apis", "assets", "analytics")
        for model in apps.get_app_config(name).get_models()
    ]
    models.append(apps.get_model("console", "AuditEntry"))
    return {model.__name__: sorted(map(repr, model.objects.values_list())) for model in models}


def refusal(caplog: pytest.LogCaptureFixture) -> str:
    """The one line about it."""
    found = [record for record in caplog.records if "refused=agent-request" in record.getMessage()]
    assert [record.levelno for record in found] == [logging.WARNING]
    return found[0].getMessage()
