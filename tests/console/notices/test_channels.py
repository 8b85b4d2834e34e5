"""What destinations get: webhooks, Slack, Apprise; and what addresses they may not have."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from console.models import Environment
from console.notices import outbox, signing
from console.notices.models import Delivery, Destination
from console.notices.telling import send_to
from tests.console.notices.receivers import Hook, hook_receiver
from tests.ports import free_port

pytestmark = pytest.mark.django_db


def make_destination(environment: Environment, url: str, **fields: Any) -> Destination:
    given = {"name": "ops", "type": "webhook", "secret": signing.new_secret(), **fields}
    return Destination.objects.create(
        organization=environment.organization, environment=environment, url=url, **given
    )


def sent(destination: Destination) -> Delivery:
    delivery = send_to(destination, "Orders <fails>", "5% & more.", {"apiId": 7}, link="/apis/7")
    outbox.work()
    delivery.refresh_from_db()
    return delivery


def test_a_webhook_gets_it_signed(environment: Environment, hook: Hook) -> None:
    destination = make_destination(environment, f"{hook.url}?team=a")

    delivery = sent(destination)

    assert (delivery.state, delivery.answer) == ("sent", "200 OK")
    post = hook.posted[0]
    assert post.path == "/hook?team=a"
    assert post.headers["host"] == f"127.0.0.1:{hook.port}"
    body = json.loads(post.body)
    assert (body["subject"], body["payload"], body["id"]) == (
        "Orders <fails>",
        {"apiId": 7},
        str(delivery.pk),
    )
    assert body["link"] == "http://localhost:8000/apis/7"
    signed = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
    key = base64.b64decode(destination.secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert post.headers["webhook-signature"] == f"v1,{expected}"


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the specification's reference libraries."""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'

    made = signing.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)

    assert made == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_slack_gets_its_own_markup(environment: Environment, hook: Hook) -> None:
    sent(make_destination(environment, hook.url, type="slack"))

    text = json.loads(hook.posted[0].body)["text"]
    assert text == (
        "*Orders &lt;fails&gt;*\n5% &amp; more.\n<http://localhost:8000/apis/7|Open in Gatewright>"
    )


def test_apprise_sends_to_what_it_knows(environment: Environment, hook: Hook) -> None:
    delivery = sent(make_destination(environment, f"json://127.0.0.1:{hook.port}/hook", type="apprise"))

    assert delivery.state == "sent", delivery.answer
    body = json.loads(hook.posted[0].body)
    assert (body["title"], body["message"]) == (
        "Orders <fails>",
        "5% & more.\n\nhttp://localhost:8000/apis/7",
    )


@pytest.mark.parametrize("sort", ["webhook", "slack", "apprise"])
def test_a_receiver_that_is_away_loses_nothing(environment: Environment, hook: Hook, sort: str) -> None:
    port = free_port()
    url = f"json://127.0.0.1:{port}/" if sort == "apprise" else f"http://127.0.0.1:{port}/"
    delivery = sent(make_destination(environment, url, type=sort))
    assert (delivery.is_waiting, delivery.is_held, delivery.attempts) == (True, True, 1)

    with hook_receiver(port) as back:
        Delivery.objects.update(next_at=delivery.created_at)
        outbox.work()

    assert len(back.posted) == 1
    assert Delivery.objects.get().state == "sent"


@pytest.mark.parametrize("sort", ["webhook", "apprise"])
def test_a_redirect_is_not_followed(environment: Environment, hook: Hook, sort: str) -> None:
    hook.status, hook.location = 302, f"http://127.0.0.1:{hook.port}/elsewhere"
    url = f"json://127.0.0.1:{hook.port}/hook?redirect=yes" if sort == "apprise" else hook.url

    delivery = sent(make_destination(environment, url, type=sort))

    assert [one.path for one in hook.posted] == ["/hook"]
    assert delivery.is_waiting
    assert "302" in delivery.answer


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433"]
)
@pytest.mark.parametrize("sort", ["webhook", "apprise"])
def test_nothing_beside_the_internet_is_asked(
    environment: Environment, hook: Hook, settings: Any, host: str, sort: str
) -> None:
    settings.DESTINATION_NETWORKS = ()
    scheme = "json" if sort == "apprise" else "http"

    delivery = sent(make_destination(environment, f"{scheme}://{host}:{hook.port}/hook", type=sort))

    assert hook.posted == []
    assert delivery.is_waiting
    if "[" not in host or sort == "webhook":
        assert "GATEWRIGHT_DESTINATION_NETWORKS" in delivery.answer


@pytest.mark.parametrize("url", ["syslog://", "windows://", "dbus://"])
def test_apprise_does_not_tell_the_consoles_own_machine(
    environment: Environment, hook: Hook, url: str
) -> None:
    delivery = sent(make_destination(environment, url, type="apprise"))

    assert delivery.is_waiting


def test_apprise_opens_no_file_of_the_console(environment: Environment, hook: Hook, tmp_path: Any) -> None:
    secret = tmp_path / "key.json"
    secret.write_text('{"project_id": "x"}')
    url = f"fcm://project/device?mode=oauth2&keyfile={secret}"

    delivery = sent(make_destination(environment, url, type="apprise"))

    assert delivery.is_waiting
    assert str(secret) not in delivery.answer


def test_what_a_receiver_refuses_says_so_without_its_words(environment: Environment, hook: Hook) -> None:
    hook.status = 403

    delivery = sent(make_destination(environment, hook.url))

    assert (delivery.is_waiting, delivery.is_held) == (True, False)
    assert delivery.answer == "it answers 403 Forbidden"
