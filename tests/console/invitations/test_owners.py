"""Consumers: invited to own a client application, and nothing of the organization beside it."""

import re

import pytest
from django.test import Client

from apis.contracts.models import Application
from console.invitations import accepting, changes
from console.invitations.accepting import InvitationRefused
from console.invitations.changes import InvitedRole as Given
from console.invitations.models import Invitation
from console.models import AuditEntry, Environment, Role, User
from tests.factories import make_application, make_organization, make_role, make_user

pytestmark = pytest.mark.django_db
PASSWORD = "tall-fine-oak-7"
ADD = "/administration/invitations/add"


@pytest.fixture
def shop(environment: Environment) -> Application:
    return make_application(environment.organization, name="Partner shop")


def asked(shop: Application, **more: str) -> dict[str, str]:
    place = {"organization": str(shop.organization_id), "role": "owner", "application": shop.name}
    return {"email": "vera@partner.test", "way": "link", **place, **more}


def test_who_is_invited_owns_it_and_finds_nothing_else(admin: Client, shop: Application) -> None:
    sheet = admin.get(f"{ADD}?application={shop.client_id}").content.decode()
    made = admin.post(ADD, asked(shop, application=shop.client_id)).content.decode()
    link = re.search(r"/invitations/[\w-]{20,}", made)
    assert link and shop.client_id in sheet and "owner of the client application Partner shop" in made
    vera = Client()
    facts = {"username": "vera", "new_password1": PASSWORD, "new_password2": PASSWORD, "who": "new"}

    joined = vera.post(link[0], facts)
    again = vera.post(link[0], facts)

    assert joined["Location"] == "/login" and again.status_code == 410
    user = User.objects.get(username="vera")
    assert list(shop.owners.all()) == [user] and not user.grants()
    vera.force_login(user)
    assert "Partner shop" in vera.get("/consumer").content.decode()
    assert vera.get(f"/consumer/{shop.pk}").status_code == 200
    assert vera.get("/apis").status_code in (403, 404)
    entry = AuditEntry.objects.filter(object_type="application", action="update").latest("pk")
    assert entry.diff["owners"] == [[], ["vera"]]
    page = admin.get(f"/administration/users/{user.pk}")
    assert page.status_code == 200, "who administers the organization helps those who forgot their password"
    assert "vera" in admin.get("/administration/users").content.decode()


def test_somebody_who_is_there_joins_with_their_account(administrator: User, shop: Application) -> None:
    grace = make_user("grace", email="grace@acme.test")
    shop.owners.add(make_user("olga"))
    given = Given(shop.organization, Invitation.OWNER, application=shop)
    made = changes.make(administrator, given, email="GRACE@acme.test")

    accepting.join(made.link.rsplit("/", 1)[-1], grace)

    assert {one.username for one in shop.owners.all()} == {"grace", "olga"}
    assert not Role.objects.filter(user=grace).exists()


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"application": "Nothing such"}, "application"),
        ({"application": ""}, "application"),
        ({"application": "Rival shop"}, "application"),
        ({"role": "viewer"}, "role"),
        ({"environment": "HERE"}, "environment"),
    ],
)
def test_what_does_not_go_together_is_refused_at_its_field(
    more: dict[str, str], field: str, admin: Client, environment: Environment, shop: Application
) -> None:
    make_application(make_organization("Rival"), name="Rival shop")
    given = {name: value.replace("HERE", str(environment.pk)) for name, value in more.items()}

    answer = admin.post(ADD, asked(shop, **given))

    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not Invitation.objects.exists()


def test_who_administers_no_more_invites_nobody(shop: Application) -> None:
    ada = make_user("adam")
    role = make_role(ada, shop.organization)
    made = changes.make(ada, Given(shop.organization, Invitation.OWNER, application=shop))
    role.delete()

    with pytest.raises(InvitationRefused):
        accepting.join_anew(made.link.rsplit("/", 1)[-1], "vera", PASSWORD)

    assert not shop.owners.exists()


def test_an_application_has_no_more_owners_than_it_may(administrator: User, shop: Application) -> None:
    shop.owners.set(make_user() for _ in range(Application.MOST_OWNERS))
    given = Given(shop.organization, Invitation.OWNER, application=shop)
    token = changes.make(administrator, given).link.rsplit("/", 1)[-1]

    with pytest.raises(InvitationRefused) as refused:
        accepting.join_anew(token, "vera", PASSWORD)

    assert refused.value.status == 409
    assert not User.objects.filter(username="vera").exists() and Invitation.objects.get().is_open


def test_what_is_gone_takes_its_invitations_along(administrator: User, shop: Application) -> None:
    given = Given(shop.organization, Invitation.OWNER, application=shop)
    token = changes.make(administrator, given).link.rsplit("/", 1)[-1]
    shop.delete()

    with pytest.raises(InvitationRefused):
        accepting.find(token)
