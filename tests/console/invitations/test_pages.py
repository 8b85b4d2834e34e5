"""The pages of invitations, and of whoever opens a link."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console import environment as settings_of
from console.invitations import changes
from console.invitations.changes import InvitedRole as Given
from console.invitations.models import Invitation
from console.models import AuditEntry, Environment, User
from console.notices.models import Delivery
from console.providers.models import IdentityProvider
from tests.console.conftest import LogIn
from tests.factories import make_user

pytestmark = pytest.mark.django_db
PASSWORD = "tall-fine-oak-7"
NEW = {"who": "new", "username": "vera", "new_password1": PASSWORD, "new_password2": PASSWORD}


def invited(by: User, environment: Environment, email: str = "") -> str:
    """The link."""
    return changes.make(by, Given(environment.organization, "viewer"), email=email).link


def sent(environment: Environment, **more: str) -> dict[str, str]:
    return {"way": "link", "organization": str(environment.organization_id), "role": "viewer", **more}


def test_a_link_is_shown_once_and_leads_a_stranger_in(admin: Client, environment: Environment) -> None:
    page = admin.post("/administration/invitations/add", sent(environment, email="v@acme.test"))
    link = page.content.decode().split("/invitations/")[-1].split("<")[0].strip()
    assert "no-store" in page["Cache-Control"]
    assert link not in admin.get("/administration/invitations").content.decode()

    browser = Client(enforce_csrf_checks=True)
    form = browser.get(f"/invitations/{link}")
    assert "v@acme.test" in form.content.decode()
    token = form.context["csrf_token"]
    answer = browser.post(f"/invitations/{link}", {**NEW, "csrfmiddlewaretoken": str(token)})

    assert answer["Location"] == "/login"
    entered = Client().post("/login", {"username": "vera", "password": PASSWORD})
    assert entered["Location"] == "/"
    assert User.objects.get(username="vera").roles.get().organization == environment.organization


def test_a_mail_is_sent_and_sent_again(settings: Any, admin: Client, environment: Environment) -> None:
    settings.MAIL = settings_of.Mail("127.0.0.1", 25, "none", "", "", "gateway@acme.test")
    fields = sent(environment, email="v@acme.test", way="mail")
    page = admin.post("/administration/invitations/add", fields, follow=True).content.decode()
    assert "A mail to v@acme.test is on its way" in page
    assert "/invitations/" not in page.replace("/administration/invitations/", "")
    made = Invitation.objects.get()

    early = admin.post(f"/administration/invitations/{made.pk}/renew", follow=True).content.decode()
    assert "less than a minute ago" in early
    Invitation.objects.update(sent_at=timezone.now() - timedelta(hours=1))
    admin.post(f"/administration/invitations/{made.pk}/renew")

    assert Delivery.objects.count() == 2


def test_without_mail_a_mail_is_refused_at_its_field(admin: Client, environment: Environment) -> None:
    answer = admin.post("/administration/invitations/add", sent(environment, email="v@a.test", way="mail"))

    assert answer.status_code == 422
    assert "This console sends no mails yet" in answer.content.decode()


def test_a_look_changes_nothing(administrator: User, environment: Environment) -> None:
    link = invited(administrator, environment)
    entries = AuditEntry.objects.count()

    for method in ("get", "head"):
        assert getattr(Client(), method)(link).status_code == 200
    assert Client().put(link).status_code == 405

    assert Invitation.objects.get().is_open
    assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        ({"username": "ada"}, "already exists"),
        ({"username": "a b"}, "valid username"),
        ({"username": "x" * 151}, "at most 150"),
        ({"new_password2": "other"}, "match"),
        ({"new_password1": "1234", "new_password2": "1234"}, "too short"),
        ({"username": PASSWORD}, "too similar"),
    ],
)
def test_a_fault_is_said_and_nobody_is_made(
    spoilt: dict[str, str], words: str, administrator: User, environment: Environment
) -> None:
    link = invited(administrator, environment)

    answer = Client().post(link, NEW | spoilt)

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert User.objects.get() == administrator
    assert Invitation.objects.get().is_open


def test_each_end_has_its_page(administrator: User, environment: Environment) -> None:
    link = invited(administrator, environment)
    Client().post(link, NEW)

    for method in ("get", "post"):
        answer = getattr(Client(), method)(link)
        assert answer.status_code == 410
        assert "Used already" in answer.content.decode()
    assert Client().get("/invitations/" + "x" * 3000).status_code == 404
    assert "No such invitation" in Client().get("/invitations/nothing").content.decode()


def test_somebody_logged_in_joins_as_who_they_are(
    administrator: User, environment: Environment, log_in: LogIn
) -> None:
    link = invited(administrator, environment)
    vera = make_user("vera")

    answer = log_in(vera).post(link, {"who": str(vera.pk)})

    assert answer["Location"] == "/"
    assert vera.roles.get().organization == environment.organization


def test_another_address_is_warned_of(administrator: User, environment: Environment, log_in: LogIn) -> None:
    link = invited(administrator, environment, "vera@acme.test")
    victor = make_user("victor", email="victor@acme.test")
    browser, who = log_in(victor), {"who": str(victor.pk)}

    assert "The invitation is for vera@acme.test" in browser.get(link).content.decode()
    assert browser.post(link, who).status_code == 422
    assert not victor.roles.exists()
    browser.post(link, who | {"confirmed": "on"})
    assert victor.roles.exists()


def test_a_strangers_form_does_not_join_whoever_logged_in_meanwhile(
    administrator: User, environment: Environment, log_in: LogIn
) -> None:
    link = invited(administrator, environment)
    victor = make_user("victor")

    answer = log_in(victor).post(link, NEW)

    assert answer.status_code == 409
    assert "You logged in or out since" in answer.content.decode()
    assert not victor.roles.exists()
    assert Client().post(link, {"who": str(victor.pk)}).status_code == 409
    assert Invitation.objects.get().is_open


def test_where_a_provider_alone_lets_in_nobody_gets_a_password(
    administrator: User, environment: Environment
) -> None:
    link = invited(administrator, environment)
    IdentityProvider.objects.create(
        organization=environment.organization,
        name="ID",
        slug="id",
        discovery_url="https://id.test",
        client_id="c",
        is_enabled=True,
        password_allowed=False,
    )

    answer = Client().post(link, NEW)

    assert answer.status_code == 409
    assert "Log in by ID" in answer.content.decode()
    assert User.objects.get() == administrator
    assert Invitation.objects.get().is_open


def test_the_list_tells_and_revokes(admin: Client, administrator: User, environment: Environment) -> None:
    invited(administrator, environment, "vera@acme.test")
    other = invited(administrator, environment, "victor@acme.test")
    made = Invitation.objects.get(email="victor@acme.test")

    page = admin.post(f"/administration/invitations/{made.pk}/revoke", follow=True).content.decode()
    assert "was revoked" in page
    assert "taken back" in Client().get(other).content.decode()

    shown = admin.get("/administration/invitations?state=open").content.decode()
    assert "vera@acme.test" in shown
    assert "victor@acme.test" not in shown
    assert "vera@acme.test" in admin.get("/administration/invitations?state=nonsense&q=vera").content.decode()
