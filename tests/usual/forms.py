"""What every form is expected to do: to show what is wrong at its field, to lose nothing, to save, and to
refuse those who may not.
"""

import re
from html import unescape
from typing import Any

import pytest
from django.db.models import Model
from django.test import Client

from console.models import AuditEntry, Role
from tests.usual.here import Here, beside, make_here, text

Sent = dict[str, Any]
CONTROL = re.compile(r'<(?:input type="(?:text|number|email|password)"|select|textarea)[^>]* id="([^"]+)"')


@pytest.mark.django_db
class Form:
    """`good` is what is sent; `bad` spoils it at the field with the id `at`, where `words` are said then."""

    role: str = Role.Name.MANAGER
    bad: Sent
    at: str
    words: str
    typed: Sent = {}
    """What a refused form still shows: text by the field's name."""
    is_seen_by_viewers = False

    def make(self, here: Here) -> Model:
        """What the form changes, or where it adds something."""
        raise NotImplementedError

    def address(self, row: Model) -> str:
        raise NotImplementedError

    def good(self, here: Here) -> Sent:
        raise NotImplementedError

    def is_saved(self, row: Model) -> bool:
        """Whether what `good` says is so."""
        raise NotImplementedError

    @pytest.fixture
    def here(self) -> Here:
        return make_here(self.role)

    @pytest.fixture
    def row(self, here: Here) -> Model:
        row = self.make(here)
        AuditEntry.objects.all().delete()
        return row

    def send(self, here: Here, row: Model, **more: Any) -> Any:
        return here.client.post(self.address(row), {**self.good(here), **more})

    def test_it_opens_with_labels_for_all_fields(self, here: Here, row: Model) -> None:
        page = here.get(self.address(row))

        main = page[page.index("<main") :]
        labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', main))
        assert set(CONTROL.findall(main)) <= labelled
        assert CONTROL.findall(main)

    def test_it_saves_and_is_audited(self, here: Here, row: Model) -> None:
        assert not self.is_saved(row)

        answer = self.send(here, row)

        assert answer.status_code in (200, 302), text(answer)
        assert self.is_saved(row)
        assert set(AuditEntry.objects.values_list("actor_name", flat=True)) == {here.user.username}

    def test_a_fault_stands_at_its_field_and_nothing_is_saved(self, here: Here, row: Model) -> None:
        answer = self.send(here, row, **self.bad)

        page = unescape(text(answer))
        assert answer.status_code == 422
        assert "Nothing was saved" in page
        place = page.index(f'id="{self.at}_error"')
        assert self.words in page[place : place + 600]
        assert not self.is_saved(row)
        assert not AuditEntry.objects.exists()

    def test_what_was_typed_is_kept(self, here: Here, row: Model) -> None:
        sent = {**self.typed, **self.bad}
        page = unescape(text(self.send(here, row, **sent)))

        for name, value in sent.items():
            control = re.search(rf'<(input|textarea|select)[^>]* name="{re.escape(name)}"[^>]*>[^<]*', page)
            assert control is not None
            if control[1] == "select":
                chosen = page[control.end() : page.index("</select>", control.end())]
                # What is no choice at all cannot be shown again.
                assert f'"{value}" selected' in chosen or f'"{value}"' not in chosen, name
            else:
                assert value in control[0], name

    def test_a_name_of_two_lines_is_refused(self, here: Here, row: Model) -> None:
        for name in {"name", "label"} & self.good(here).keys():
            answer = self.send(here, row, **{name: "One\nTwo"})

            assert (answer.status_code, self.is_saved(row)) == (422, False), name

    def test_a_viewer_is_refused(self, here: Here, row: Model) -> None:
        viewer = beside(here)

        assert viewer.client.get(self.address(row)).status_code == (200 if self.is_seen_by_viewers else 403)
        assert self.send(viewer, row).status_code == 403
        assert not self.is_saved(row)

    def test_without_its_token_it_is_refused(self, here: Here, row: Model) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(here.user)

        assert self.send(Here(here.user, here.environment, strict), row).status_code == 403
        assert not self.is_saved(row)


class FormOfOne(Form):
    """That changes something which exists."""

    def test_another_organizations_is_not_found(self, here: Here) -> None:
        theirs = self.make(make_here(self.role))

        assert self.send(here, theirs).status_code == 404
        assert not self.is_saved(theirs)


class VersionedForm(FormOfOne):
    """That says what it saw, so that nobody's change is overwritten unseen."""

    late: str = "after you opened it"
    """What is said then."""

    def change_meanwhile(self, row: Model, here: Here) -> None:
        """As somebody else does between the opening of the form and its sending."""
        raise NotImplementedError

    def test_the_second_editor_is_told_before_the_first_is_overwritten(self, here: Here, row: Model) -> None:
        opened = self.seen(here.get(self.address(row)))
        self.change_meanwhile(row, here)

        late = self.send(here, row, seen=opened)

        assert late.status_code in (409, 422)
        assert not self.is_saved(row)
        page = unescape(text(late))
        assert self.late in page
        assert self.seen(page) != opened
        assert self.send(here, row, seen=self.seen(page)).status_code == 302
        assert self.is_saved(row)

    @staticmethod
    def seen(page: str) -> str:
        found = re.search(r'name="seen" value="([^"]*)"', page)
        assert found is not None
        return unescape(found[1])
