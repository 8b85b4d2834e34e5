"""What is sent, when, and how often: mail servers that are away, refuse, or come back."""

import ssl
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from console.models import Environment
from console.notices import outbox
from console.notices.models import Delivery
from console.notices.telling import tell
from tests.certificates import self_signed
from tests.console.notices.conftest import mail_at
from tests.console.notices.receivers import PASSWORD, Mailbox, mail_server
from tests.factories import make_environment
from tests.ports import free_port

pytestmark = pytest.mark.django_db


def put(environment: Environment, *addresses: str) -> None:
    told = {"subject": "Hello", "text": "You."}
    tell("people", organization=environment.organization, addresses=addresses, **told)


def due_again() -> None:
    """As if the pauses were over."""
    Delivery.objects.waiting().update(next_at=timezone.now())


def test_a_server_that_is_away_loses_nothing(environment: Environment, settings: Any) -> None:
    port = free_port()
    settings.MAIL = mail_at(port)
    put(environment, "a@acme.example", "b@acme.example")

    outbox.work()

    waiting = list(Delivery.objects.waiting())
    assert len(waiting) == 2
    assert all(one.is_held and f"127.0.0.1:{port}" in one.answer for one in waiting)
    assert sorted(one.attempts for one in waiting) == [0, 1]  # who waits for the same server does not try it
    assert outbox.send_next() is False

    with mail_server(port) as box:
        Delivery.objects.filter(attempts=1).update(next_at=timezone.now())
        outbox.work()

    assert sorted(box.recipients) == ["a@acme.example", "b@acme.example"]
    assert {one.state for one in Delivery.objects.all()} == {"sent"}


def test_pauses_grow_and_end_after_a_day(environment: Environment, settings: Any) -> None:
    settings.MAIL = mail_at(free_port())
    put(environment, "a@acme.example")
    pauses = []
    for _ in range(10):
        due_again()
        outbox.send_next()
        row = Delivery.objects.get()
        pauses.append(round((row.next_at - timezone.now()).total_seconds(), -1))
    assert pauses == [10, 30, 60, 120, 300, 600, 1200, 1800, 1800, 1800]

    Delivery.objects.update(gives_up_at=timezone.now() - timedelta(seconds=1), next_at=timezone.now())
    outbox.work()

    row = Delivery.objects.get()
    assert (row.state, row.finished_at is None) == ("failed", False)
    assert row.content["text"] == "You."  # to be sent again by hand


def test_a_server_that_is_down_is_told_in_words(environment: Environment, settings: Any) -> None:
    settings.MAIL = mail_at(free_port())
    put(environment, "a@acme.example")

    outbox.work()

    row = Delivery.objects.get()
    assert (row.state, row.answer) == ("waiting", f"127.0.0.1:{settings.MAIL.port}: Connection refused")


def test_an_address_that_is_refused_for_good_is_not_tried_again(
    environment: Environment, mailbox: Mailbox
) -> None:
    mailbox.refuses["gone@acme.example"] = "550 5.1.1 nobody of that name"
    put(environment, "gone@acme.example", "here@acme.example")

    outbox.work()

    gone = Delivery.objects.get(address="gone@acme.example")
    assert gone.state == "failed"
    assert gone.answer == "the address gone@acme.example was refused: 550 5.1.1 nobody of that name"
    assert mailbox.recipients == ["here@acme.example"]


def test_an_address_that_is_refused_for_now_waits_alone(environment: Environment, mailbox: Mailbox) -> None:
    mailbox.refuses["grey@acme.example"] = "451 4.7.1 come back later"
    put(environment, "grey@acme.example", "here@acme.example")

    outbox.work()

    assert Delivery.objects.get(address="grey@acme.example").is_waiting
    assert mailbox.recipients == ["here@acme.example"]
    mailbox.refuses.clear()
    due_again()
    outbox.work()
    assert mailbox.recipients == ["here@acme.example", "grey@acme.example"]


def test_what_was_sent_keeps_no_text(environment: Environment, mailbox: Mailbox) -> None:
    put(environment, "a@acme.example")

    outbox.work()

    assert Delivery.objects.get().content == {}


def _tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    made = self_signed()
    chain, trusted = tmp_path / "chain.pem", tmp_path / "ca.pem"
    chain.write_text(made["crt"] + made["key"])
    trusted.write_text(made["crt"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context, trusted


@pytest.mark.parametrize(("password", "state"), [(PASSWORD, "sent"), ("wrong", "waiting")])
def test_starttls_and_login(
    environment: Environment, settings: Any, tmp_path: Path, monkeypatch: Any, password: str, state: str
) -> None:
    context, trusted = _tls(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with mail_server(tls=context) as box:
        settings.MAIL = mail_at(box.port, security="starttls", username="gw", password=password)
        settings.MAIL = type(settings.MAIL)(**{**settings.MAIL.__dict__, "host": "localhost"})
        put(environment, "a@acme.example")
        outbox.work()

    row = Delivery.objects.get()
    assert (row.state, set(box.logins)) == (state, {"gw"})
    if state == "waiting":
        assert row.answer.startswith("535 5.7.8")


def test_an_untrusted_certificate_gets_no_password(
    environment: Environment, settings: Any, tmp_path: Path
) -> None:
    context, _ = _tls(tmp_path)
    with mail_server(tls=context) as box:
        settings.MAIL = mail_at(box.port, security="starttls", username="gw", password=PASSWORD)
        put(environment, "a@acme.example")
        outbox.work()

    assert box.logins == []
    assert "TLS with 127.0.0.1 failed: CERTIFICATE_VERIFY_FAILED" in Delivery.objects.get().answer


def test_starttls_is_not_left_out(environment: Environment, settings: Any) -> None:
    with mail_server() as box:
        settings.MAIL = mail_at(box.port, security="starttls")
        put(environment, "a@acme.example")
        outbox.work()

    assert box.mails == []
    assert "STARTTLS" in Delivery.objects.get().answer


@pytest.mark.django_db(transaction=True)
def test_many_workers_send_each_mail_once(settings: Any) -> None:
    environment = make_environment()
    with mail_server() as box:
        settings.MAIL = mail_at(box.port)
        with transaction.atomic():
            put(environment, *(f"{number}@acme.example" for number in range(40)))

        def work() -> None:
            outbox.work()
            connection.close()

        workers = [threading.Thread(target=work) for _ in range(4)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()

    assert sorted(box.recipients) == sorted(f"{number}@acme.example" for number in range(40))


@pytest.mark.django_db(transaction=True)
def test_what_a_worker_that_died_was_sending_is_free_at_once(settings: Any) -> None:
    environment = make_environment()
    with mail_server() as box:
        settings.MAIL = mail_at(box.port)
        with transaction.atomic():
            put(environment, "a@acme.example")
        taken, died = threading.Event(), threading.Event()

        def die() -> None:
            with transaction.atomic():
                list(Delivery.objects.due().select_for_update())
                taken.set()
                died.wait(20)
                connection.connection.close()  # as a process that was killed leaves it
            connection.close()

        worker = threading.Thread(target=lambda: _quietly(die))
        worker.start()
        taken.wait(20)
        assert outbox.send_next() is False
        died.set()
        worker.join()
        outbox.work()

    assert box.recipients == ["a@acme.example"]


def _quietly(act: Any) -> None:
    try:
        act()
    except Exception:
        connection.close()
