"""A forgotten password: a link by mail or by an administrator, good once and for an hour."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from console import environment as settings_of
from console import passwords
from console.factors import changes, needed
from console.factors.models import Passkey
from console.models import AuditEntry, Environment, Role, User
from console.notices.models import Delivery, Notice
from tests.console.conftest import LogIn
from tests.factories import make_organization, make_role, make_user

pytestmark = pytest.mark.django_db
NEW = {"new_password1": "tall-fine-oak-7", "new_password2": "tall-fine-oak-7"}


@pytest.fixture
def vera(environment: Environment) -> User:
    cache.clear()
    vera = make_user("vera", email="vera@acme.test")
    make_role(vera, environment.organization, Role.Name.VIEWER)
    return vera


@pytest.fixture
def mail(settings: Any) -> None:
    settings.MAIL = settings_of.Mail("127.0.0.1", 25, "none", "", "", "gateway@acme.test")


def ask(email: str = "vera@acme.test") -> str:
    return Client().post("/login/forgotten", {"email": email}).content.decode()


def sent() -> list[Delivery]:
    return list(Delivery.objects.order_by("created_at"))


def choose(link: str, client: Client | None = None) -> str:
    """What the page says after the new password was sent."""
    client = client or Client()
    page = client.get(link, follow=True)
    address = page.redirect_chain[-1][0] if page.redirect_chain else link
    return client.post(address, NEW, follow=True).content.decode()


def test_a_link_comes_by_mail_and_leads_to_a_new_password(mail: None, vera: User, log_in: LogIn) -> None:
    elsewhere = log_in(vera)
    ask()
    (letter,) = sent()

    page = choose(letter.content["link"])

    vera.refresh_from_db()
    assert letter.address == "vera@acme.test"
    assert "Your new password is set" in page
    assert vera.check_password("tall-fine-oak-7")
    assert elsewhere.get("/profile").status_code == 302
    assert not Notice.objects.exists()
    assert AuditEntry.objects.get().diff == {"password": ["old", "new"]}


def test_a_link_is_good_once(mail: None, vera: User) -> None:
    ask()
    link = sent()[0].content["link"]
    choose(link)

    page = Client().get(link, follow=True).content.decode()

    assert "was used already, or is more than an hour old" in page


def test_a_link_is_good_for_an_hour(vera: User) -> None:
    class Earlier(PasswordResetTokenGenerator):
        def _now(self) -> datetime:
            return super()._now() - timedelta(seconds=3700)

    link = passwords.link(vera)
    old = link.rsplit("/", 1)[0] + "/" + Earlier().make_token(vera)

    assert "more than an hour old" in Client().get(old, follow=True).content.decode()
    assert "Save" in Client().get(link, follow=True).content.decode()


@pytest.mark.parametrize("how", ["login", "address"])
def test_a_link_ends_when_the_account_goes_on_otherwise(how: str, vera: User) -> None:
    link = passwords.link(vera)
    if how == "login":
        Client().post("/login", {"username": "vera", "password": "secret"})
    else:
        User.objects.filter(pk=vera.pk).update(email="vera@other.test")

    assert "was used already" in Client().get(link, follow=True).content.decode()


def test_the_answer_is_the_same_for_an_address_that_nobody_has(mail: None, vera: User) -> None:
    known, unknown = ask(), ask("nobody@acme.test")

    assert known.replace("vera@", "nobody@") == unknown
    assert [letter.address for letter in sent()] == ["vera@acme.test"]


@pytest.mark.parametrize(
    "email", ["vera@\u0430cme.test", "VERA@acme.test ", "vera@acme.test\n", "a" * 5000, "x"]
)
def test_no_spelling_sends_it_elsewhere(email: str, mail: None, vera: User) -> None:
    ask(email)

    assert {letter.address for letter in sent()} <= {"vera@acme.test"}


def test_nobody_fills_a_mailbox(mail: None, vera: User) -> None:
    for _ in range(passwords.MOST_OF_USER + 3):
        ask()

    assert len(sent()) == passwords.MOST_OF_USER


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}])
def test_who_has_no_password_to_forget_gets_none(change: dict[str, Any], mail: None, vera: User) -> None:
    User.objects.filter(pk=vera.pk).update(**change)

    ask()

    assert sent() == []


def test_without_mail_the_page_names_the_administrator(vera: User) -> None:
    page = Client().get("/login/forgotten").content.decode()

    assert "Ask an administrator" in page
    assert "<form" not in page


def test_an_administrator_makes_a_link(admin: Client, vera: User) -> None:
    page = admin.post(f"/administration/users/{vera.pk}/link")
    link = urlsplit(page.context["link"]).path

    choose(link)

    vera.refresh_from_db()
    assert vera.check_password("tall-fine-oak-7")
    assert AuditEntry.objects.first().actor_name == "vera"
    assert AuditEntry.objects.last().diff == {"link to a new password": ["", "made"]}


def test_an_administrator_of_a_part_of_a_users_places_makes_none(admin: Client, vera: User) -> None:
    make_role(vera, make_organization("Rival"), Role.Name.VIEWER)

    assert admin.post(f"/administration/users/{vera.pk}/link").status_code == 403


@pytest.mark.parametrize("password", ["short-7", "password123", "1234509876543", "vera@acme.test"])
def test_a_bad_password_is_refused_at_the_link_too(password: str, vera: User) -> None:
    client = Client()
    address = client.get(passwords.link(vera), follow=True).redirect_chain[-1][0]

    client.post(address, {"new_password1": password, "new_password2": password})

    vera.refresh_from_db()
    assert vera.check_password("secret")


def test_the_command_line_lets_the_last_administrator_in_again(vera: User) -> None:
    changes.add_passkey(vera, Passkey(name="Phone", credential_id=b"1", data=b"", host="localhost"))
    out = StringIO()

    call_command("reset_login", "vera", stdout=out)

    choose(urlsplit(out.getvalue().split()[-1]).path)
    vera.refresh_from_db()
    assert vera.check_password("tall-fine-oak-7")
    assert not needed.has_factor(vera)
    with pytest.raises(SystemExit):
        call_command("reset_login", "nobody")
