"""Names that somebody else takes between the check and the save: the answer says so."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from apis.certificates import self_signed
from apis.changes.instances import create_api
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset
from apis.lists import pins
from apis.lists.models import Pinned
from console import accounts
from console.models import Environment, Organization, Role, User
from console.stack.waiting import wait_for
from gateways import change as gateway_change
from gateways.protocol import trust
from tests.factories import make_api, make_environment, make_gateway, make_organization, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def meanwhile(take: Callable[[], Any]) -> Iterator[None]:
    """What `take` saves in another transaction is committed once the block waits for it."""
    taken = threading.Event()

    def hold() -> None:
        with transaction.atomic():
            take()
            taken.set()
            wait_for(_somebody_waits, 20, "the second save")
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    assert taken.wait(20)
    yield
    other.join()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None


@pytest.fixture
def organization() -> Organization:
    return make_organization("Acme")


@pytest.fixture
def root(organization: Organization) -> User:
    root = make_user("root", is_superuser=True, is_staff=True)
    make_role(root, organization)
    return root


@pytest.fixture
def browser(root: User) -> Client:
    browser = Client()
    browser.force_login(root)
    return browser


def test_a_username_taken_meanwhile_is_said_at_its_field(browser: Client, organization: Organization) -> None:
    fields = {"username": "grace", "organization": organization.pk, "role": "viewer"}

    with meanwhile(lambda: make_user("grace")):
        answer = browser.post("/administration/users/add", fields)

    assert answer.status_code == 422
    assert "A user with that username already exists." in answer.content.decode()
    assert not User.objects.get(username="grace").roles.exists()


def test_an_environments_name_taken_meanwhile_is_said_by_page_and_rest(
    browser: Client, root: User, organization: Organization
) -> None:
    path = f"/administration/organizations/{organization.pk}/environments/add"
    with meanwhile(lambda: make_environment(organization, name="Test")):
        page = browser.post(path, {"name": "Test", "type": "sandbox"})
    other = make_environment(organization, name="Other")
    with meanwhile(lambda: make_environment(organization, name="Stage")):
        renamed = browser.post(f"/administration/environments/{other.pk}", {"name": "Stage"})
    path = f"/accounts/api/organizations/{organization.pk}/environments"
    with meanwhile(lambda: make_environment(organization, name="Live")):
        rest = Rest(root)("POST", path, {"name": "Live"})

    assert (page.status_code, renamed.status_code, rest.status_code) == (422, 422, 409)
    for answer, name in ((page.content.decode(), "Test"), (rest.data["message"], "Live")):
        assert f"Acme already has an environment called {name}" in answer


def test_a_gateways_name_taken_meanwhile_is_said_to_who_registers(
    root: User, organization: Organization
) -> None:
    environment = make_environment(organization)
    token = gateway_change.issue_token(root, environment, "edge")[1]
    body = {"token": token, "name": "edge", "publicKey": trust.key_pair().public}

    with meanwhile(lambda: make_gateway(environment, name="edge")):
        answer = Client().post("/agent/v1/registrations", body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["message"].startswith('A gateway "edge" exists in')


@pytest.mark.parametrize("kind", ["api", "tls context", "token"])
def test_nothing_is_made_in_an_environment_that_is_deleted_meanwhile(
    root: User, organization: Organization, kind: str
) -> None:
    environment = make_environment(organization)
    certificate, key = self_signed(["a.test"])
    scope = f"organizations/{organization.pk}/environments/{environment.pk}"
    path, body = {
        "api": ("AM", {"spec": {"assetId": "a", "version": "1"}, "endpoint": {"uri": "http://a"}}),
        "tls context": (
            f"/apimanager/api/v1/{scope}/tls-contexts",
            {"name": "edge", "certificate": certificate, "key": key},
        ),
        "token": (f"/standalone/api/v1/{scope}/gatewaytokens", {}),
    }[kind]
    rest, gone = Rest(root, environment), Environment.objects.get(pk=environment.pk)

    with meanwhile(lambda: accounts.delete_environment(root, gone)):
        answer = rest("POST", path, body)

    assert answer.status_code == 404, answer.data
    assert f"Environment {environment.pk}" in answer.data["message"]


def test_an_environment_in_which_something_is_made_meanwhile_stays(
    root: User, organization: Organization
) -> None:
    environment = make_environment(organization)
    rest = Rest(root, environment)
    draft = DesiredApi(NewAsset("A", "a"), routes=[DesiredRoute(upstreams=[DesiredUpstream("http://a")])])

    with meanwhile(lambda: create_api(root, environment, draft)):
        answer = rest(
            "DELETE", f"/accounts/api/organizations/{organization.pk}/environments/{environment.pk}"
        )

    assert answer.status_code == 409
    assert Environment.objects.filter(pk=environment.pk).exists()


def test_a_token_of_an_environment_that_is_deleted_meanwhile_registers_nothing(
    root: User, organization: Organization
) -> None:
    environment = make_environment(organization)
    token = gateway_change.issue_token(root, environment, "edge")[1]
    body = {"token": token, "name": "edge", "publicKey": trust.key_pair().public}

    with meanwhile(lambda: accounts.delete_environment(root, environment)):
        answer = Client().post("/agent/v1/registrations", body, content_type="application/json")

    assert answer.status_code == 401
    assert "token is unknown" in answer.json()["message"]


def test_what_is_taken_meanwhile_is_said_in_the_admin(browser: Client, organization: Organization) -> None:
    grace, password = make_user(), "a long pass phrase"
    user = {"username": "ada", "password1": password, "password2": password, "usable_password": "true"}
    environment = {"name": "Test", "type": "sandbox", "organization": organization.pk, "deploys": "on-save"}
    role = {"user": grace.pk, "organization": organization.pk, "name": Role.Name.VIEWER}

    with meanwhile(lambda: make_user("ada")):
        answers = [browser.post("/admin/console/user/add/", user)]
    with meanwhile(lambda: make_environment(organization, name="Test")):
        answers.append(browser.post("/admin/console/environment/add/", environment))
    with meanwhile(lambda: make_role(grace, organization, Role.Name.VIEWER)):
        answers.append(browser.post("/admin/console/role/add/", role))

    assert [answer.status_code for answer in answers] == [200] * 3
    for answer in answers:
        assert "already exists" in answer.content.decode()
    counts = User.objects.filter(username="ada"), Environment.objects.all(), grace.roles.all()
    assert [rows.count() for rows in counts] == [1, 1, 1]


def test_an_api_that_is_deleted_while_pinned_is_not_found(root: User, organization: Organization) -> None:
    api = make_api(make_gateway(make_environment(organization)))
    rest, path = Rest(root, api.environment), f"AM/{api.pk}/pin"

    with meanwhile(api.delete):
        answer = rest("PUT", path)

    assert answer.status_code == 404
    assert not Pinned.objects.exists()


def test_of_two_who_pin_an_api_at_once_one_pins_it(root: User, organization: Organization) -> None:
    api = make_api(make_gateway(make_environment(organization)))
    rest = Rest(root, api.environment)

    with meanwhile(lambda: pins.pin(root, api)):
        answer = rest("PUT", f"AM/{api.pk}/pin")

    assert answer.status_code == 200
    assert Pinned.objects.count() == 1
