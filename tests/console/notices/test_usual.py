"""What every list, page and form does, of the inbox, the outbox and destinations."""

from typing import Any

import pytest
from django.db.models import Model

from console.models import Role
from console.notices.models import Delivery, Destination, MailServer, Notice
from tests.usual.details import Detail
from tests.usual.forms import Form, Sent, VersionedForm
from tests.usual.here import Here, make_here
from tests.usual.lists import EmptyList, SearchedList

ADMINISTRATOR = Role.Name.ADMINISTRATOR


def make_destination(here: Here, name: str = "ops", **fields: Any) -> Destination:
    given = {
        "url": "https://hooks.acme.example/",
        "hint": "hooks.acme.example",
        "secret": "whsec_AAAA",
        **fields,
    }
    organization = here.environment.organization
    return Destination.objects.create(
        name=name, organization=organization, environment=here.environment, **given
    )


class TestInbox(SearchedList, EmptyList):
    path = "/inbox"
    part = "notices"
    noun = "notice"
    nothing = "Nothing to read"
    role = Role.Name.VIEWER
    is_of_environment = False

    def make(self, here: Here, name: str) -> object:
        return Notice.objects.create(
            user=here.user, kind="alerts", subject=name, environment=here.environment
        )

    @pytest.mark.parametrize(("query", "found"), [("read=no&kind=alerts", True), ("read=yes", False)])
    def test_it_is_narrowed_by_state_and_kind(self, here: Here, query: str, found: bool) -> None:
        self.make(here, "alpha")

        assert self.shows(here.get(f"{self.path}?{query}"), "alpha") == found


class TestOutbox(SearchedList, EmptyList):
    path = "/administration/outbox"
    part = "deliveries"
    noun = "message"
    nothing = "Nothing was sent yet"
    size = 50
    role = ADMINISTRATOR
    is_of_environment = False

    def make(self, here: Here, name: str) -> object:
        organization = here.environment.organization
        told = {"organization": organization, "environment": here.environment, "address": "a@b.example"}
        return Delivery.objects.create(way="mail", kind="alerts", subject=name, **told)


class TestDestinations(SearchedList, EmptyList):
    path = "/administration/destinations"
    part = "destinations"
    noun = "destination"
    nothing = "No destination yet"
    offers = "/administration/destinations/add"
    is_of_environment = False

    def make(self, here: Here, name: str) -> object:
        return make_destination(here, name)


class TestDestination(Detail):
    is_numbered = True

    def make(self, here: Here) -> Model:
        return make_destination(here)

    def address(self, row: Model) -> str:
        return f"/administration/destinations/{row.pk}"


class TestDelivery(Detail):
    def make(self, here: Here) -> Model:
        told = {"organization": here.environment.organization, "destination": make_destination(here)}
        return Delivery.objects.create(way="channel", kind="alerts", subject="Orders fails", **told)

    def address(self, row: Model) -> str:
        return f"/administration/outbox/{row.pk}"


class TestNewDestination(Form):
    bad = {"url": "ftp://acme.example/"}
    at = "id_url"
    words = "Write a URL like https://hooks.example.com/gatewright."

    def make(self, here: Here) -> Model:
        return here.environment

    def address(self, row: Model) -> str:
        return "/administration/destinations/add"

    def good(self, here: Here) -> Sent:
        url = "https://hooks.acme.example/x"
        return {"type": "webhook", "name": "ops", "url": url, "place": str(here.environment.pk)}

    def is_saved(self, row: Model) -> bool:
        return Destination.objects.filter(environment=row, name="ops").exists()


class TestSettingsOfADestination(VersionedForm):
    bad = {"url": "http://169.254.169.254/latest"}
    at = "id_url"
    words = "is not on the internet"
    is_seen_by_viewers = True

    def make(self, here: Here) -> Model:
        return make_destination(here)

    def address(self, row: Model) -> str:
        return f"/administration/destinations/{row.pk}"

    def good(self, here: Here) -> Sent:
        return {"name": "Mine", "url": ""}

    def is_saved(self, row: Model) -> bool:
        return Destination.objects.filter(pk=row.pk, name="Mine").exists()

    def change_meanwhile(self, row: Model, here: Here) -> None:
        Destination.objects.filter(pk=row.pk).update(name="Theirs")


class TestMail(Form):
    bad = {"sender": "nobody"}
    at = "id_sender"
    words = "Write an address"

    @pytest.fixture
    def here(self) -> Here:
        """Of everything: a mail server is of the whole console."""
        found = make_here(ADMINISTRATOR)
        found.user.is_superuser = True
        found.user.save()
        return found

    def make(self, here: Here) -> Model:
        return here.environment

    def address(self, row: Model) -> str:
        return "/administration/mail"

    def good(self, here: Here) -> Sent:
        told = {"host": "mail.acme.example", "port": "587", "security": "starttls"}
        return {**told, "username": "gw", "password": "s3cret", "sender": "GW <gw@acme.example>"}

    def is_saved(self, row: Model) -> bool:
        return MailServer.objects.filter(host="mail.acme.example").exists()
