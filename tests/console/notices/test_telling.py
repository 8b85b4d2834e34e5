"""Who is told what, and where."""

from email.utils import formataddr
from typing import Any

import pytest
from django.core.mail import send_mail
from django.db import transaction

from console.models import Environment
from console.notices import outbox
from console.notices.kinds import UnknownKind
from console.notices.models import Delivery, Notice, Preference
from console.notices.telling import Reached, tell
from tests.console.notices.conftest import mail_at
from tests.console.notices.receivers import Mailbox
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def told(environment: Environment, **more: Any) -> Reached:
    given = {"subject": "Orders is asked for", "text": "By the shop.", "link": "/apis", **more}
    kind = given.pop("kind", "contracts")
    return tell(kind, organization=environment.organization, environment=environment, **given)


def test_a_user_reads_it_in_the_inbox_and_in_a_mail(environment: Environment, mailbox: Mailbox) -> None:
    grace = make_user("grace", email="grace@acme.example")

    assert told(environment, users=[grace]) == Reached(inbox=1, mails=1)
    outbox.work()

    notice = Notice.objects.get()
    assert (notice.user, notice.subject, notice.link, notice.read_at) == (
        grace,
        "Orders is asked for",
        "/apis",
        None,
    )
    mail = mailbox.mails[0]
    assert (mail["To"], mail["Subject"]) == ("grace@acme.example", "Orders is asked for")
    assert mail["From"] == "Gatewright <gateway@acme.example>"
    assert mail.get_content().splitlines()[:3] == ["By the shop.", "", "http://localhost:8000/apis"]
    assert Delivery.objects.get().answer == "250 2.0.0 taken as 1"


def test_an_address_gets_a_mail_alone(environment: Environment, mailbox: Mailbox) -> None:
    assert told(environment, addresses=["new@acme.example"]) == Reached(mails=1)

    outbox.work()

    assert mailbox.recipients == ["new@acme.example"]
    assert not Notice.objects.exists()


def test_without_mail_people_are_told_in_the_inbox_alone(environment: Environment) -> None:
    grace = make_user(email="grace@acme.example")

    answer = told(environment, users=[grace], addresses=["New@acme.example"])

    assert answer == Reached(inbox=1, unmailed=("new@acme.example",))
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("inbox", "mail", "expected"), [(True, False, (1, 0)), (False, True, (0, 1)), (False, False, (0, 0))]
)
def test_each_person_chooses_for_each_kind(
    environment: Environment, mailbox: Mailbox, inbox: bool, mail: bool, expected: tuple[int, int]
) -> None:
    grace = make_user(email="grace@acme.example")
    Preference.objects.create(user=grace, kind="contracts", inbox=inbox, mail=mail)

    answer = told(environment, users=[grace])
    told(environment, users=[grace], kind="alerts")

    assert (answer.inbox, answer.mails) == expected
    assert Notice.objects.filter(kind="alerts").count() == 1


def test_who_is_named_twice_is_told_once(environment: Environment, mailbox: Mailbox) -> None:
    grace = make_user(email="grace@acme.example")

    answer = told(environment, users=[grace, grace], addresses=["GRACE@acme.example"])

    assert answer == Reached(inbox=1, mails=1)


def test_who_was_deactivated_is_not_told(environment: Environment, mailbox: Mailbox) -> None:
    assert told(environment, users=[make_user(email="a@b.example", is_active=False)]) == Reached()


def test_addresses_may_come_one_by_one(environment: Environment) -> None:
    assert told(environment, addresses=iter(["a@b.example"])).unmailed == ("a@b.example",)


@pytest.mark.parametrize("name", ["Acme, Inc.", "Ünïcode", 'The "Gate"'])
def test_a_senders_name_may_be_anything(
    environment: Environment, mailbox: Mailbox, settings: Any, name: str
) -> None:
    settings.MAIL = mail_at(mailbox.port, sender=formataddr((name, "gw@acme.example")))
    told(environment, addresses=["a@b.example"])
    outbox.work()

    sender = mailbox.mails[0]["From"].addresses[0]
    assert (sender.display_name, sender.addr_spec) == (name, "gw@acme.example")


def test_what_is_no_address_is_named(environment: Environment, mailbox: Mailbox) -> None:
    bad = "a@b.example\nBcc: all@acme.example"

    assert told(environment, addresses=[bad]) == Reached(unmailed=(bad,))


def test_a_subject_is_one_line(environment: Environment, mailbox: Mailbox) -> None:
    told(
        environment,
        addresses=["a@b.example"],
        subject="Orders\r\nBcc: all@acme.example\u2028\x00" + "x" * 300,
    )
    outbox.work()

    assert mailbox.mails[0]["Bcc"] is None
    assert mailbox.mails[0]["Subject"].startswith("Orders Bcc: all@acme.example")
    assert len(mailbox.mails[0]["Subject"]) == 200


@pytest.mark.parametrize(
    "link", ["https://evil.example/", "//evil.example", "/\\evil.example", "/a b", "javascript:x"]
)
def test_a_link_leads_to_the_console(environment: Environment, link: str) -> None:
    with pytest.raises(ValueError):
        told(environment, users=[make_user()], link=link)


def test_a_kind_that_nobody_added_is_a_mistake(environment: Environment) -> None:
    with pytest.raises(UnknownKind):
        told(environment, kind="gossip")


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_tells_nobody(environment: Environment, mailbox: Mailbox) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        told(environment, users=[make_user(email="a@b.example")])
        raise RuntimeError

    outbox.work()

    assert (mailbox.mails, Notice.objects.count(), Delivery.objects.count()) == ([], 0, 0)


def test_a_thousand_people_are_told_with_few_queries(
    environment: Environment, mailbox: Mailbox, django_assert_max_num_queries: Any
) -> None:
    people = [make_user(email=f"{number}@acme.example") for number in range(200)]

    with django_assert_max_num_queries(3):
        assert told(environment, users=people).mails == 200


def test_djangos_own_mails_wait_in_the_outbox_too(mailbox: Mailbox, settings: Any) -> None:
    settings.EMAIL_BACKEND = "console.notices.backend.OutboxBackend"  # pytest-django's own else
    send_mail("Reset it", "Here", None, ["a@b.example"])
    assert mailbox.mails == []

    outbox.work()

    assert mailbox.mails[0]["Subject"] == "Reset it"
