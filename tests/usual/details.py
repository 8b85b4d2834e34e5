"""What every page of one thing is expected to do, and each tab of it."""

import re
import uuid

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from console.models import Role
from tests.usual.budget import asked, keep_within
from tests.usual.here import Here, beside, make_here, text

POSTS = re.compile(r'<form[^>]* method="post".*?</form>', re.S)
WRITES = re.compile(r"^(INSERT|UPDATE|DELETE)\b", re.I)


@pytest.mark.django_db
class Detail:
    """`tabs` are the ends of the addresses; "" is the page itself."""

    tabs: tuple[str, ...] = ("",)
    role: str = Role.Name.MANAGER
    seen_by_viewers = True
    is_numbered = False

    def make(self, here: Here) -> Model:
        raise NotImplementedError

    def address(self, row: Model) -> str:
        return str(row.get_absolute_url())  # type: ignore[attr-defined]

    @pytest.fixture
    def here(self) -> Here:
        return make_here(self.role)

    def test_each_tab_opens_and_is_named(self, here: Here) -> None:
        row = self.make(here)

        for tab in self.tabs:
            assert "<h1>" in here.get(self.address(row) + tab)

    def test_a_stranger_is_asked_to_log_in(self, here: Here) -> None:
        address = self.address(self.make(here))

        for tab in self.tabs:
            assert Client().get(address + tab)["Location"].startswith("/login")

    def test_another_organizations_is_not_found(self, here: Here) -> None:
        address = self.address(self.make(make_here(self.role)))

        for tab in self.tabs:
            assert here.client.get(address + tab).status_code == 404

    def test_what_does_not_exist_is_not_found(self, here: Here) -> None:
        row = self.make(here)
        nobody = "987654321" if self.is_numbered else str(uuid.uuid4())
        address = self.address(row).replace(str(row.pk), nobody)

        for tab in self.tabs:
            assert here.client.get(address + tab).status_code == 404

    def test_a_viewer_sees_nothing_to_write_with(self, here: Here) -> None:
        address, viewer = self.address(self.make(here)), beside(here).client

        for tab in self.tabs:
            answer = viewer.get(address + tab)
            if self.seen_by_viewers:
                main = text(answer)[text(answer).index("<main") :]
                # A form that is shown to be read has its fields and no button that sends it.
                assert [form for form in POSTS.findall(main) if "<button" in form] == [], tab
            else:
                assert answer.status_code == 403

    def test_looking_writes_nothing_and_stays_within_the_budget(self, here: Here) -> None:
        address = self.address(self.make(here))

        for tab in self.tabs:
            queries = asked(here.client, address + tab)
            with CaptureQueriesContext(connection) as found:
                here.client.get(address + tab)
            assert [one["sql"] for one in found if WRITES.match(one["sql"])] == []
            keep_within(type(self).__name__.removeprefix("Test") + tab, queries)
