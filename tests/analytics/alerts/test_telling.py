"""Whom an alert tells, by mail and by webhook, with servers on loopback that may be away."""

import json
from typing import Any

import pytest
from django.utils import timezone

from analytics.alerts import change
from analytics.alerts.models import Alert, Incident
from apis.models import ApiInstance
from console.models import Role
from console.notices import outbox, signing
from console.notices.models import Delivery, Destination, Notice
from tests.analytics.alerts.watching import Clock, make_alert
from tests.analytics.traffic import Shipper
from tests.console.notices.conftest import hook, mail_at, mailbox  # noqa: F401 - fixtures
from tests.console.notices.receivers import Hook, Mailbox, mail_server
from tests.factories import make_actor, make_api, make_role, make_user
from tests.ports import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> ApiInstance:
    return make_api(name="Orders")


def raise_it(api: ApiInstance) -> Clock:
    clock = Clock()
    clock.ship(Shipper(api), api, status=500)
    clock.round()
    return clock


def test_mails_are_raised_and_resolved(api: ApiInstance, mailbox: Mailbox) -> None:  # noqa: F811
    make_alert(api, users=[], addresses=["ops@acme.example"], window_minutes=1)

    clock = raise_it(api)
    clock.round(3)
    outbox.work()

    assert [mail["Subject"] for mail in mailbox.mails] == ["Orders Alerting", "Orders OK"]
    raised, resolved = (mail.get_content() for mail in mailbox.mails)
    assert "Error rate 100 %" in raised and "It is over" not in raised
    assert resolved.startswith("It is over")


def test_a_subject_that_names_no_state_says_that_it_is_over(api: ApiInstance, mailbox: Mailbox) -> None:  # noqa: F811
    make_alert(api, users=[], addresses=["ops@acme.example"], window_minutes=1, subject="Orders fails")

    raise_it(api).round(3)
    outbox.work()

    assert [mail["Subject"] for mail in mailbox.mails] == ["Orders fails", "[Resolved] Orders fails"]


def test_a_server_that_is_down_loses_nothing(api: ApiInstance, settings: Any) -> None:
    port = free_port()
    settings.MAIL = mail_at(port)
    make_alert(api, users=[], addresses=["ops@acme.example"])
    raise_it(api)
    outbox.work()
    assert Delivery.objects.waiting().count() == 1

    with mail_server(port) as box:
        Delivery.objects.update(next_at=timezone.now())
        outbox.work()

    assert [mail["Subject"] for mail in box.mails] == ["Orders Alerting"]


def test_a_webhook_gets_signed_facts(api: ApiInstance, hook: Hook) -> None:  # noqa: F811
    place = api.environment
    secret = signing.new_secret()
    destination = Destination.objects.create(
        name="ops", organization=place.organization, environment=place, url=hook.url, secret=secret
    )
    alert = make_alert(api, users=[], destinations=[destination.pk])

    raise_it(api)
    outbox.work()

    (posted,) = hook.posted
    signed = posted.headers["webhook-id"], int(posted.headers["webhook-timestamp"])
    assert posted.headers["webhook-signature"] == f"v1,{signing.signature(secret, *signed, posted.body)}"
    text = json.dumps(json.loads(posted.body))
    assert '"state": "alerting"' in text and f'"key": "api:{api.pk}"' in text
    assert f'"id": {alert.pk}' in text and '"test": false' in text


def test_a_test_says_that_it_is_one(api: ApiInstance, mailbox: Mailbox) -> None:  # noqa: F811
    alert = make_alert(api, users=[], addresses=["ops@acme.example"])

    assert change.send_test(make_actor(), alert) == 1
    outbox.work()

    assert mailbox.mails[0]["Subject"] == "[Test] Orders Alerting"
    assert not Incident.objects.exists()


def test_who_lost_the_role_is_told_no_more(api: ApiInstance) -> None:
    user = make_user()
    role = make_role(user, api.environment.organization, Role.Name.VIEWER)
    make_alert(api, users=[user.pk])
    role.delete()

    raise_it(api)

    assert not Notice.objects.exists()
    assert Incident.objects.get().is_told


def test_a_destination_of_another_organization_is_told_nothing(api: ApiInstance, hook: Hook) -> None:  # noqa: F811
    place = make_api().environment
    theirs = Destination.objects.create(
        name="ops", organization=place.organization, environment=place, url=hook.url
    )
    make_alert(api, users=[], destinations=[theirs.pk])

    raise_it(api)
    outbox.work()

    assert hook.posted == []


def test_variables_are_filled_once_and_names_cannot_smuggle_any(api: ApiInstance) -> None:
    # As it may have been stored before names were of one line.
    type(api.asset).objects.filter(pk=api.asset.pk).update(name="${organization}\r\nBcc: x@y.example")
    make_alert(api, subject="${api}: ${condition} ${operator} ${threshold} (${comparison}) ${period}")

    raise_it(api)

    subject = Notice.objects.get().subject
    assert subject == "${organization} Bcc: x@y.example: Error rate above 5 % (>) 5 minutes"


def test_many_are_counted_in_one_message(api: ApiInstance) -> None:
    apis = [make_api(api.gateway, name=f"api{number:02}") for number in range(30)]
    make_alert(api, about=Alert.About.ENVIRONMENT, threshold=5)
    clock = Clock()
    for one in apis:
        clock.ship(Shipper(one), one, status=500)
    clock.round()

    notice = Notice.objects.get()
    assert notice.subject == "api00, api01, api02, api03, api04 and 25 more Alerting"
    assert "api19: 100 %" in notice.text and "and 10 more" in notice.text
