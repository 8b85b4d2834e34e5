"""Invitations as their enemy meets them: raced, guessed, spelled oddly, led elsewhere."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.utils import timezone

from console.invitations import accepting, changes
from console.invitations.accepting import InvitationRefused
from console.invitations.changes import InvitedRole as Given
from console.invitations.models import Invitation
from console.models import Environment, Role, User
from tests.factories import make_environment, make_organization, make_role, make_user

pytestmark = pytest.mark.django_db
PASSWORD = "tall-fine-oak-7"


def invite(by: User, environment: Environment, email: str = "") -> tuple[Invitation, str]:
    made = changes.make(by, Given(environment.organization, "viewer"), email=email)
    return made.invitation, made.link.rsplit("/", 1)[-1]


@pytest.mark.django_db(transaction=True)
def test_of_an_acceptance_and_a_new_link_at_once_one_counts() -> None:
    environment = make_environment(make_organization("Acme"))
    ada = make_user("ada")
    make_role(ada, environment.organization)
    made, token = invite(ada, environment)
    Invitation.objects.update(sent_at=timezone.now() - timedelta(hours=1))
    start, found = threading.Barrier(2), {}

    def do(name: str, act: Callable[[], object]) -> None:
        start.wait(20)
        try:
            found[name] = act()
        except (InvitationRefused, ValidationError) as refused:
            found[name] = refused
        finally:
            connection.close()

    acts = {
        "join": lambda: accepting.join_anew(token, "vera", PASSWORD),
        "renew": lambda: changes.renew(ada, made),
    }
    threads = [threading.Thread(target=do, args=one) for one in acts.items()]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)

    made.refresh_from_db()
    joined, renewed = isinstance(found["join"], User), isinstance(found["renew"], changes.Invited)
    assert joined != renewed, found
    assert made.is_open == renewed
    assert User.objects.filter(username="vera").exists() == joined


@pytest.mark.parametrize("name", ["Ada", "ADA", "ａｄａ", "ada ", "a" * 151, "a/../b", "<b>"])
def test_nobody_is_called_like_somebody_else_or_oddly(
    name: str, administrator: User, environment: Environment
) -> None:
    _, token = invite(administrator, environment)
    facts = {"username": name, "new_password1": PASSWORD, "new_password2": PASSWORD, "who": "new"}

    answer = Client().post(f"/invitations/{token}", facts)

    assert answer.status_code == 422
    assert User.objects.count() == 1
    assert Invitation.objects.get().is_open


@pytest.mark.parametrize(
    "token", ["x", "x" * 5000, "%00", "%F0%9F%8D%89", "..%2F..", "' OR 1=1 --", "A" * 43, "%ED%A0%80"]
)
def test_a_guessed_link_leads_nowhere(token: str, administrator: User, environment: Environment) -> None:
    invite(administrator, environment)

    answer = Client(raise_request_exception=False).get(f"/invitations/{token}")

    assert answer.status_code == 404
    assert environment.organization.name not in answer.content.decode()


def test_it_leads_to_this_console_alone(administrator: User, environment: Environment) -> None:
    _, token = invite(administrator, environment)
    client, facts = Client(), {"username": "vera", "new_password1": PASSWORD, "new_password2": PASSWORD}
    address = f"/invitations/{token}?next=//evil.example/&redirect=https://evil.example/"

    page = client.get(address).content.decode()
    answer = client.post(address, facts | {"who": "new", "next": "//evil.example/"})

    assert "evil.example" not in page
    assert (answer.status_code, answer["Location"]) == (302, "/login")


def test_the_session_of_another_address_joins_only_when_it_says_so(
    administrator: User, environment: Environment
) -> None:
    _, token = invite(administrator, environment, "vera@acme.test")
    mallory = make_user("mallory", email="mallory@evil.example")
    client = Client()
    client.force_login(mallory)
    address = f"/invitations/{token}"

    as_new = client.post(address, {"username": "vera", "new_password1": PASSWORD, "who": "new"})
    unconfirmed = client.post(address, {"who": str(mallory.pk)})

    assert (as_new.status_code, unconfirmed.status_code) == (409, 422)
    assert not Role.objects.filter(user=mallory).exists()
    assert Invitation.objects.get().is_open
