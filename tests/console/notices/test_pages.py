"""What the pages of inbox, mail, outbox and destinations do."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console.models import AuditEntry, Environment, Role, User
from console.notices import inbox, outbox, tending, uses
from console.notices.models import Delivery, Destination, MailServer, Notice, Preference
from console.notices.telling import tell
from tests.console.conftest import LogIn
from tests.console.notices.conftest import mail_at
from tests.console.notices.receivers import Hook, Mailbox
from tests.console.notices.test_channels import make_destination
from tests.factories import make_environment, make_role, make_user
from tests.ports import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(log_in: LogIn) -> Client:
    return log_in(make_user("root", email="root@acme.example", is_superuser=True))


def text(answer: Any) -> str:
    return str(answer.content.decode())


def make_notice(user: User, **fields: Any) -> Notice:
    return Notice.objects.create(user=user, kind="alerts", **{"subject": "Orders fails", **fields})


def test_the_bell_counts_what_is_unread(admin: Client, administrator: User) -> None:
    for _ in range(3):
        make_notice(administrator)
    make_notice(make_user())
    assert "Inbox, 3 unread" in text(admin.get("/apis"))

    admin.post("/inbox/read")

    assert "unread</span></a>" not in text(admin.get("/apis"))
    assert Notice.objects.unread().count() == 1


def test_the_bell_does_not_count_for_ever(admin: Client, administrator: User) -> None:
    Notice.objects.bulk_create(Notice(user=administrator, kind="alerts", subject="s") for _ in range(150))

    assert "Inbox, more than 99 unread" in text(admin.get("/apis"))


def test_a_notice_leads_to_what_it_is_about_and_is_read(admin: Client, administrator: User) -> None:
    notice = make_notice(administrator, link="/gateways")

    assert admin.get(f"/inbox/{notice.pk}")["Location"] == "/gateways"

    notice.refresh_from_db()
    assert notice.read_at is not None


def test_preferences_are_kept(admin: Client, administrator: User) -> None:
    admin.post("/inbox/preferences", {"alerts-inbox": "on", "contracts-mail": "on", "gossip-mail": "on"})

    rows = {one.kind: (one.inbox, one.mail) for one in Preference.objects.filter(user=administrator)}
    assert (rows["alerts"], rows["contracts"], rows["people"]) == (
        (True, False),
        (False, True),
        (False, False),
    )
    assert "gossip" not in rows
    page = text(admin.get("/inbox/preferences"))
    assert re.search(r'name="alerts-inbox"[^>]* checked', page)
    assert not re.search(r'name="alerts-mail"[^>]* checked', page)


def test_a_test_mail_says_what_the_server_answered(root: Client, mailbox: Mailbox) -> None:
    page = root.post("/administration/mail/test", {"address": "root@acme.example"})["Location"]
    assert "A worker sends it" in text(root.get(page))

    outbox.work()

    assert "Answer: 250 2.0.0 taken as 1" in text(root.get(page))
    assert mailbox.recipients == ["root@acme.example"]


def test_a_test_mail_is_tried_once(root: Client, settings: Any) -> None:
    settings.MAIL = mail_at(free_port())
    page = root.post("/administration/mail/test", {"address": "root@acme.example"})["Location"]

    outbox.work()

    assert "<b>It was not sent.</b> 127.0.0.1:" in text(root.get(page))
    assert Delivery.objects.get().state == "failed"


def test_a_mail_server_that_is_entered_sends(root: Client, mailbox: Mailbox, settings: Any) -> None:
    settings.MAIL = None
    sent = {"host": "127.0.0.1", "port": mailbox.port, "security": "none", "sender": "gw@acme.example"}

    assert root.post("/administration/mail", sent).status_code == 302
    root.post("/administration/mail/test", {"address": "a@acme.example"})
    outbox.work()

    assert mailbox.mails[0]["From"] == "gw@acme.example"
    assert AuditEntry.objects.filter(object_type="mailserver", organization=None).count() == 1


def test_the_password_of_mail_is_never_shown_and_not_sent_elsewhere(root: Client) -> None:
    sent = {
        "host": "mail.acme.example",
        "port": "587",
        "security": "starttls",
        "username": "gw",
        "password": "s3cret!pw",
        "sender": "gw@acme.example",
    }
    root.post("/administration/mail", sent)
    assert MailServer.objects.get().secret == "s3cret!pw"
    assert "s3cret!pw" not in text(root.get("/administration/mail"))
    assert "s3cret!pw" not in str(list(AuditEntry.objects.values()))

    for change in ({"host": "evil.example"}, {"port": "2525"}):
        moved = root.post("/administration/mail", {**sent, **change, "password": ""})
        assert (moved.status_code, "Write it anew" in text(moved)) == (422, True)
    other = root.post("/administration/mail", {**sent, "username": "eve", "password": ""})
    assert (other.status_code, "the password of this user" in text(other)) == (422, True)
    nobodys = root.post("/administration/mail", {**sent, "username": ""})
    assert (nobodys.status_code, "whose password it is" in text(nobodys)) == (422, True)
    security = {**sent, "security": "tls", "password": ""}
    assert root.post("/administration/mail", security).status_code == 302
    row = MailServer.objects.get()
    assert (row.host, row.port, row.secret) == ("mail.acme.example", 587, "s3cret!pw")


def test_the_environments_mail_server_is_not_changed_on_the_page(root: Client, mailbox: Mailbox) -> None:
    page = text(root.get("/administration/mail"))
    assert "GATEWRIGHT_EMAIL_URL" in page and 'name="host"' not in page

    sent = {"host": "a.example", "port": "25", "security": "none", "sender": "gw@acme.example"}
    assert root.post("/administration/mail", sent).status_code == 422
    assert not MailServer.objects.exists()


@pytest.mark.parametrize("path", ["mail", "mail/test", "mail/remove"])
def test_mail_is_for_administrators_of_everything(admin: Client, path: str) -> None:
    assert admin.post(f"/administration/{path}", {"address": "a@b.example"}).status_code == 403
    assert admin.get("/administration/mail").status_code == 403


def test_pages_say_that_no_mail_is_set_up(root: Client) -> None:
    for path in ("/inbox", "/inbox/preferences", "/administration/mail", "/administration/outbox"):
        assert "No mail is set up" in text(root.get(path))


def test_what_failed_is_tried_again_or_dropped(
    admin: Client, environment: Environment, mailbox: Mailbox
) -> None:
    for name in ("a", "b"):
        tell(
            "people",
            organization=environment.organization,
            addresses=[f"{name}@b.example"],
            subject=name,
            text="",
        )
    Delivery.objects.update(state="failed", attempts=50)
    first, second = Delivery.objects.order_by("subject")

    admin.post(f"/administration/outbox/{second.pk}/drop")
    admin.post("/administration/outbox/retry")
    outbox.work()

    assert mailbox.recipients == ["a@b.example"]
    second.refresh_from_db()
    assert (second.state, second.content) == ("dropped", {})
    assert AuditEntry.objects.filter(object_type="delivery").count() == 2
    assert admin.post(f"/administration/outbox/{first.pk}/drop", follow=True).status_code == 200
    assert Delivery.objects.get(pk=first.pk).state == "sent"


def test_it_is_told_that_nobody_sends(admin: Client, environment: Environment, mailbox: Mailbox) -> None:
    told = {"way": "mail", "kind": "people", "organization": environment.organization, "subject": "s"}
    Delivery.objects.create(address="a@b.example", next_at=timezone.now() - timedelta(minutes=5), **told)
    assert "Nobody sends what is due" in text(admin.get("/administration/outbox"))

    outbox.work()

    assert "Nobody sends what is due" not in text(admin.get("/administration/outbox"))


def test_an_administrator_sees_only_what_is_of_their_organization(admin: Client, root: Client) -> None:
    Delivery.objects.create(way="mail", kind="security", subject="Reset of root", address="root@acme.example")
    other = make_environment().organization
    Delivery.objects.create(
        way="mail", kind="people", subject="Theirs", organization=other, address="a@b.example"
    )

    page = text(admin.get("/administration/outbox"))

    assert "Reset of root" not in page and "Theirs" not in page
    assert "Reset of root" in text(root.get("/administration/outbox"))


def test_a_secret_of_a_webhook_is_shown_once(admin: Client, environment: Environment) -> None:
    sent = {
        "type": "webhook",
        "name": "ops",
        "url": "https://hooks.acme.example/t0ken",
        "place": str(environment.pk),
        "once": "x",
    }

    first, again = (text(admin.post("/administration/destinations/add", sent)) for _ in range(2))

    made = Destination.objects.get()
    assert made.secret in first and made.secret in again  # the same form, sent twice
    for path in ("", f"/{made.pk}"):
        page = text(admin.get(f"/administration/destinations{path}"))
        assert made.secret not in page and "t0ken" not in page
    assert "t0ken" not in str(list(AuditEntry.objects.values()))
    renewed = text(admin.post(f"/administration/destinations/{made.pk}/secret", {"once": "y"}))
    made.refresh_from_db()
    assert made.secret in renewed and made.secret not in first


def test_a_test_of_a_destination_says_what_was_answered(
    admin: Client, environment: Environment, hook: Hook
) -> None:
    destination = make_destination(environment, hook.url)
    page = admin.post(f"/administration/destinations/{destination.pk}/test")["Location"]
    assert admin.post(f"/administration/destinations/{destination.pk}/test")["Location"] == page

    outbox.work()

    assert "Answer: 200 OK" in text(admin.get(page))
    assert len(hook.posted) == 1


def test_what_is_used_is_not_deleted(admin: Client, environment: Environment, monkeypatch: Any) -> None:
    destination = make_destination(environment, "https://hooks.acme.example/")
    used = [uses.Use("the alert Errors", "/alerts/1")]
    monkeypatch.setattr(uses, "_finders", [lambda pks: dict.fromkeys(pks, used)])

    answer = admin.post(f"/administration/destinations/{destination.pk}/delete", follow=True)

    assert "is used by the alert Errors" in text(answer)
    assert "the alert Errors" in text(admin.get("/administration/destinations"))
    monkeypatch.setattr(uses, "_finders", [])
    admin.post(f"/administration/destinations/{destination.pk}/delete")
    assert not Destination.objects.exists()


def test_an_unknown_service_of_apprise_is_refused(admin: Client, environment: Environment) -> None:
    sent = {"type": "apprise", "name": "x", "place": str(environment.pk)}

    unknown = admin.post("/administration/destinations/add", {**sent, "url": "gossip://a"})
    local = admin.post("/administration/destinations/add", {**sent, "url": "syslog://"})
    known = admin.post(
        "/administration/destinations/add", {**sent, "url": "tgram://123456789:abcdefg_hijklmnop/1/"}
    )

    assert "Apprise knows no such address" in text(unknown)
    assert "own machine alone" in text(local)
    assert known.status_code == 302
    assert Destination.objects.get().hint == "Telegram"


def test_a_manager_of_one_environment_makes_none_for_others(environment: Environment, log_in: LogIn) -> None:
    other = make_environment(environment.organization)
    manager = make_user()
    make_role(manager, environment.organization, Role.Name.MANAGER, environment=environment)
    client = log_in(manager)
    sent = {"type": "slack", "name": "x", "url": "https://hooks.acme.example/"}

    for place in (other.pk, environment.organization_id):
        answer = client.post("/administration/destinations/add", {**sent, "place": str(place)})
        assert answer.status_code == 422
    assert not Destination.objects.exists()
    of_all = Destination.objects.create(
        name="all", organization=environment.organization, url="https://a.example/"
    )
    page = f"/administration/destinations/{of_all.pk}"
    assert client.get(page).status_code == 200
    assert client.post(page, {"name": "mine"}).status_code == 403
    assert client.post(f"{page}/test").status_code == 403


def test_destinations_of_organizations_above_can_be_used(environment: Environment) -> None:
    made = make_destination(environment, "https://a.example/")
    of_all = Destination.objects.create(
        name="all", organization=environment.organization, url="https://a.example/"
    )
    make_destination(make_environment(environment.organization), "https://a.example/")
    make_destination(make_environment(), "https://a.example/")

    assert set(Destination.objects.usable_in(environment)) == {made, of_all}


def test_tables_stay_within_their_bounds(environment: Environment, monkeypatch: Any) -> None:
    user = make_user()
    monkeypatch.setattr(inbox, "MOST", 3)
    Notice.objects.bulk_create(Notice(user=user, kind="alerts", subject=f"{n}") for n in range(5))
    told = {
        "way": "mail",
        "kind": "people",
        "organization": environment.organization,
        "address": "a@b.example",
    }
    Delivery.objects.bulk_create(Delivery(subject=f"waits {n}", **told) for n in range(5))
    Delivery.objects.bulk_create(Delivery(subject=f"sent {n}", state="sent", **told) for n in range(5))

    tending.tend(most_waiting=3, most_rows=4)

    assert list(Notice.objects.values_list("subject", flat=True)) == ["4", "3", "2"]
    assert Delivery.objects.waiting().count() == 3
    assert Delivery.objects.exclude(state="waiting").count() <= 4
