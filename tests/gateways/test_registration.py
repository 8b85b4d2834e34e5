"""A registration token registers one gateway, once, in time."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from console.models import AccessToken, AuditEntry, Environment, Role, digest
from gateways import change
from gateways.models import Gateway, RegistrationToken
from gateways.protocol import trust
from tests.factories import make_actor, make_environment, make_role, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment() -> Environment:
    return make_environment()


@pytest.fixture
def token(environment: Environment) -> str:
    return change.issue_token(make_user("ada"), environment, "edge")[1]


def register(token: str, **fields: Any) -> HttpResponse:
    body = {"token": token, "name": "edge", "publicKey": trust.key_pair().public} | fields
    return Client().post("/agent/v1/registrations", body, content_type="application/json")


def test_token_registers_a_gateway(token: str, environment: Environment) -> None:
    answer = register(token)

    assert answer.status_code == 200
    gateway = Gateway.objects.get()
    assert answer.json()["gatewayId"] == str(gateway.pk)
    assert (gateway.name, gateway.environment, gateway.status) == ("edge", environment, "disconnected")
    assert RegistrationToken.objects.get().gateway == gateway
    entry = AuditEntry.objects.get(object_type="gateway")
    assert (entry.actor_name, entry.action) == ("ada", "create")


def test_token_registers_once(token: str) -> None:
    register(token)

    answer = register(token, name="other")

    assert answer.status_code == 401
    assert "used already" in answer.json()["message"]
    assert Gateway.objects.count() == 1


def test_expired_token_is_refused(token: str) -> None:
    RegistrationToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    answer = register(token)

    assert answer.status_code == 401
    assert "expired at" in answer.json()["message"]
    assert not Gateway.objects.exists()


def test_unknown_token_is_refused() -> None:
    assert "unknown" in register("made-up").json()["message"]


def test_taken_name_leaves_the_token_usable(token: str, environment: Environment) -> None:
    _, other = change.issue_token(make_actor(), environment)
    register(token)

    taken = register(other)
    again = register(other, name="edge-2")

    assert (taken.status_code, again.status_code) == (400, 200)
    assert 'A gateway "edge" exists' in taken.json()["message"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "Edge!"}, "cannot be a name"),
        ({"publicKey": "no key"}, "not an Ed25519 public key"),
        ({"organization": str(uuid.uuid4())}, "The token is for the organization"),
        ({"environment": str(uuid.uuid4())}, "The token is for the environment"),
    ],
)
def test_bad_request_says_what_is_wrong(token: str, fields: dict[str, str], words: str) -> None:
    answer = register(token, **fields)

    assert answer.status_code == 400
    assert words in answer.json()["message"]
    assert not Gateway.objects.exists()


def bearer(environment: Environment, role: str) -> dict[str, str]:
    user = make_user()
    make_role(user, environment.organization, role)
    AccessToken.objects.create(
        token_hash=digest("t0ken"), user=user, expires_at=timezone.now() + timedelta(hours=1)
    )
    return {"Authorization": "Bearer t0ken"}


def gatewaytokens(environment: Environment, headers: dict[str, str]) -> HttpResponse:
    scope = f"organizations/{environment.organization_id}/environments/{environment.pk}"
    return Client().generic("POST", f"/standalone/api/v1/{scope}/gatewaytokens", headers=headers)


def test_rest_issues_a_token(environment: Environment) -> None:
    answer = gatewaytokens(environment, bearer(environment, Role.Name.MANAGER))

    assert answer.status_code == 201
    assert register(answer.json()["registrationToken"]).status_code == 200


def test_viewer_gets_no_token(environment: Environment) -> None:
    assert gatewaytokens(environment, bearer(environment, Role.Name.VIEWER)).status_code == 403


def test_environment_of_others_is_not_found(environment: Environment) -> None:
    assert gatewaytokens(environment, bearer(make_environment(), Role.Name.MANAGER)).status_code == 404
