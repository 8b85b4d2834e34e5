"""Logging in over REST, and who the caller is."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from console.models import AccessToken, ConnectedApp, Organization, Role
from tests.factories import (
    make_api,
    make_environment,
    make_gateway,
    make_organization,
    make_role,
    make_user,
)
from tests.rest import Rest

pytestmark = pytest.mark.django_db

TOKEN = "/accounts/api/v2/oauth2/token"


@pytest.fixture
def acme() -> Organization:
    return make_organization("Acme")


def make_app(organization: Organization) -> tuple[ConnectedApp, str]:
    owner = make_user()
    make_role(owner, organization)
    app = ConnectedApp(name="ci", organization=organization, owner=owner)
    secret = app.renew_secret()
    app.save()
    return app, secret


def test_login_gives_a_token_that_works() -> None:
    make_user("ada", password="correct horse")

    answer = Rest(None)("POST", "/accounts/login", {"username": "ada", "password": "correct horse"})

    assert answer.status_code == 200
    assert set(answer.data) == {"access_token", "token_type", "redirectUrl"}
    me = Client().get(
        "/accounts/api/users/me", headers={"Authorization": f"Bearer {answer.data['access_token']}"}
    )
    assert me.json()["username"] == "ada"


def test_login_ignores_an_old_token() -> None:
    make_user("ada", password="correct horse")

    answer = Rest(None)(
        "POST",
        "/accounts/login",
        {"username": "ada", "password": "correct horse"},
        Authorization="Bearer expired",
    )

    assert answer.status_code == 200


def test_wrong_password_is_401_with_message_and_errors() -> None:
    make_user("ada")

    answer = Rest(None)("POST", "/accounts/login", {"username": "ada", "password": "wrong"})

    assert answer.status_code == 401
    assert answer.data["message"] == "The user name or the password is wrong."
    assert answer.data["errors"][0]["message"] == answer.data["message"]
    assert AccessToken.objects.count() == 0


@pytest.mark.parametrize("as_form", [False, True])
def test_client_credentials_act_as_the_apps_owner(acme: Organization, as_form: bool) -> None:
    app, secret = make_app(acme)
    body = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": secret}

    if as_form:
        data = "&".join(f"{name}={value}" for name, value in body.items())
        given = Client().post(TOKEN, data, content_type="application/x-www-form-urlencoded").json()
    else:
        given = Rest(None)("POST", TOKEN, body).data

    assert given["expires_in"] == 3600
    me = Client().get("/accounts/api/me", headers={"Authorization": f"Bearer {given['access_token']}"}).json()
    assert me["user"]["username"] == app.owner.username
    assert me["client"] == {"client_id": app.client_id, "name": "ci", "org_id": str(acme.pk)}


def test_password_grant_takes_client_credentials_too(acme: Organization) -> None:
    app, secret = make_app(acme)
    make_user("ada", password="correct horse")

    body = {
        "grant_type": "password",
        "client_id": app.client_id,
        "client_secret": secret,
        "username": "ada",
        "password": "correct horse",
    }

    assert Rest(None)("POST", TOKEN, body).status_code == 200
    assert Rest(None)("POST", TOKEN, body | {"client_secret": "x"}).status_code == 401


def test_wrong_grants_are_refused(acme: Organization) -> None:
    app, _ = make_app(acme)

    bad_secret = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": "no"}
    assert Rest(None)("POST", TOKEN, bad_secret).status_code == 401
    missing = Rest(None)("POST", TOKEN, {"grant_type": "client_credentials"})
    assert missing.status_code == 400
    assert "client_id" in missing.data["message"]
    assert Rest(None)("POST", TOKEN, {"grant_type": "magic"}).status_code == 400


def test_expired_and_unknown_tokens_are_401() -> None:
    user = make_user()
    rest = Rest(user)
    AccessToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert rest("GET", "/accounts/api/users/me").status_code == 401
    answer = Rest(None)("GET", "/accounts/api/users/me", Authorization="Bearer nonsense")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert Rest(None)("GET", "/accounts/api/users/me").status_code == 401


def test_me_has_the_fields_that_clients_read(acme: Organization) -> None:
    group = make_organization("Payments", parent=acme)
    user = make_user("ada", email="ada@example.test")
    make_role(user, acme)

    me = Rest(user)("GET", "/accounts/api/users/me").data

    assert {"id", "username", "firstName", "lastName", "email", "createdAt"} <= set(me)
    assert me["createdAt"].endswith("Z")
    assert len(me["createdAt"]) == len("2026-01-02T03:04:05.000Z")
    assert me["organizationPreferences"] == {}
    roots = [member for member in me["memberOfOrganizations"] if member["isRoot"]]
    assert [root["id"] for root in roots] == [str(acme.pk)]
    assert roots[0]["subOrganizationIds"] == [str(group.pk)]


def test_organization_is_described_with_its_environments(acme: Organization) -> None:
    make_environment(acme, name="Sandbox")
    user = make_user()
    make_role(user, acme, Role.Name.VIEWER)

    answer = Rest(user)("GET", f"/accounts/api/organizations/{acme.pk}")

    assert answer.status_code == 200
    assert [entry["name"] for entry in answer.data["environments"]] == ["Sandbox"]
    assert answer.data["isRoot"] is True


def test_another_organization_is_404(acme: Organization) -> None:
    other = make_environment()
    user = make_user()
    make_role(user, acme)
    rest = Rest(user)

    for path in ("", "/environments", f"/environments/{other.pk}"):
        answer = rest("GET", f"/accounts/api/organizations/{other.organization_id}{path}")
        assert answer.status_code == 404
        assert answer.data["errors"][0]["message"] == answer.data["message"]
    mixed = rest("GET", f"/accounts/api/organizations/{acme.pk}/environments/{other.pk}")
    assert mixed.status_code == 404


def test_environments_are_made_and_deleted(acme: Organization) -> None:
    user = make_user()
    make_role(user, acme)
    rest, path = Rest(user), f"/accounts/api/organizations/{acme.pk}/environments"

    made = rest("POST", path, {"name": "QA", "type": "sandbox", "organizationId": str(acme.pk)})

    assert made.status_code == 201
    assert made.data["isProduction"] is False
    assert rest("GET", path).data["total"] == 1
    assert rest("POST", path, {"name": "QA"}).status_code == 409
    assert rest("POST", path, {"name": "qa"}).status_code == 409
    assert rest("POST", path, {"name": "X", "type": "moon"}).status_code == 400
    assert rest("DELETE", f"{path}/{made.data['id']}").status_code == 204
    assert rest("GET", f"{path}/{made.data['id']}").status_code == 404


def test_an_environment_that_holds_something_stays(acme: Organization) -> None:
    gateway = make_gateway(make_environment(acme, name="Sandbox"))
    make_api(gateway)
    user = make_user()
    make_role(user, acme)

    answer = Rest(user)(
        "DELETE", f"/accounts/api/organizations/{acme.pk}/environments/{gateway.environment_id}"
    )

    assert answer.status_code == 409
    assert "Sandbox still holds 1 gateway and 1 API" in answer.data["message"]


def test_a_viewer_makes_no_environment(acme: Organization) -> None:
    user = make_user()
    make_role(user, acme, Role.Name.VIEWER)

    answer = Rest(user)("POST", f"/accounts/api/organizations/{acme.pk}/environments", {"name": "QA"})

    assert answer.status_code == 403
    assert acme.environments.count() == 0
