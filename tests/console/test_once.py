"""A form whose answer shows a secret makes one thing, however often it is sent, and shows what works."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console import once
from console.models import AuditEntry, ConnectedApp, Environment, User
from gateways.models import RegistrationToken

pytestmark = pytest.mark.django_db

APP, USER, GATEWAY = "/administration/apps/add", "/administration/users/add", "/gateways/add"
MADE = {
    APP: ConnectedApp.objects.all(),
    USER: User.objects.filter(username="grace"),
    GATEWAY: RegistrationToken.objects.all(),
}


def filled(page: str, environment: Environment) -> dict[str, Any]:
    organization = environment.organization.pk
    where = {"where": "chosen", "environments": [environment.pk], "expires": "90"}
    forms: dict[str, dict[str, Any]] = {
        APP: {"name": "pipeline", "organization": organization, "role": "viewer", **where},
        USER: {"username": "grace", "organization": organization, "role": "viewer"},
        GATEWAY: {"name": "edge-1", "platform": "linux"},
    }
    return forms[page]


def opened(browser: Client, page: str) -> dict[str, str]:
    found = re.search(r'name="once" value="([^"]+)"', browser.get(page).content.decode())
    assert found
    return {"once": found[1]}


def told(browser: Client, page: str, fields: dict[str, Any]) -> str:
    """What the answer shows, without what is other in each answer."""
    answer = browser.post(page, fields)
    assert answer.status_code == 200
    (main,) = re.findall(r"<main.*</main>", answer.content.decode(), re.DOTALL)
    return re.sub(r'(name="csrfmiddlewaretoken" value=|"csrf-token":)[^>]*', "", main)


@pytest.mark.parametrize("page", MADE)
def test_a_form_that_is_sent_twice_makes_one_and_shows_its_secret_again(
    admin: Client, environment: Environment, page: str
) -> None:
    fields = filled(page, environment) | opened(admin, page)

    first = told(admin, page, fields)
    entries = AuditEntry.objects.count()
    second = told(admin, page, fields)

    assert second == first
    assert MADE[page].count() == 1
    assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize("page", MADE)
def test_what_was_shown_a_while_ago_is_not_shown_again(
    admin: Client, environment: Environment, page: str
) -> None:
    fields = filled(page, environment) | opened(admin, page)
    first = told(admin, page, fields)
    made_at = {USER: "date_joined"}.get(page, "created_at")
    MADE[page].update(**{made_at: timezone.now() - once.SHOWN - timedelta(seconds=1)})

    answer = admin.post(page, fields)

    assert answer.status_code == 422
    secrets = {one for one in re.findall(r"[\w-]{12,}", first) if not one.islower()}
    shown = answer.content.decode()
    assert secrets and not [one for one in secrets if one in shown.replace(fields["once"], "")]
    assert "is not shown again" in shown
    assert MADE[page].count() == 1


@pytest.mark.parametrize("page", [APP, GATEWAY])
def test_a_form_that_is_opened_or_filled_in_anew_makes_another(
    admin: Client, environment: Environment, page: str
) -> None:
    fields = filled(page, environment) | opened(admin, page)

    told(admin, page, fields)
    told(admin, page, fields | {"name": "other"})
    told(admin, page, fields | opened(admin, page))

    assert MADE[page].count() == 3


def test_the_password_that_is_shown_again_works(
    admin: Client, client: Client, environment: Environment
) -> None:
    fields = filled(USER, environment) | opened(admin, USER)

    told(admin, USER, fields)
    shown = re.findall(r"<code[^>]*>([^<]+)</code>", admin.post(USER, fields).content.decode())

    assert any(client.login(username="grace", password=one) for one in shown)


def test_a_secret_that_was_renewed_is_not_shown_again(admin: Client, environment: Environment) -> None:
    fields = filled(APP, environment) | opened(admin, APP)
    told(admin, APP, fields)
    admin.post(f"/administration/apps/{ConnectedApp.objects.get().pk}/renew")

    answer = admin.post(APP, fields)

    assert answer.status_code == 422
    assert "whose secret was renewed since" in answer.content.decode()


def test_nobody_else_gets_it_by_the_same_form(
    admin: Client, client: Client, root: User, environment: Environment
) -> None:
    client.force_login(root)
    fields = filled(APP, environment) | opened(admin, APP)
    told(admin, APP, fields)

    told(client, APP, fields)

    assert ConnectedApp.objects.count() == 2
    assert len({one.secret_hash for one in ConnectedApp.objects.all()}) == 2


@pytest.fixture
def root(environment: Environment) -> User:
    return User.objects.create(username="root", is_superuser=True)
