"""What every list is expected to do. A list's tests inherit what fits: `class TestGateways(SearchedList)`."""

import re
from html import unescape

import pytest
from django.test import Client

from console.models import Role
from tests.factories import make_environment
from tests.usual.budget import asked, keep_within
from tests.usual.here import Here, beside, make_here, text

NAMES = ("alpha", "bravo")
"""Of the rows that a list shows, in their order."""


@pytest.mark.django_db
class List:
    """Of a page. `part` is the id of what htmx swaps."""

    path: str
    part: str
    noun: str
    size = 25
    role: str = Role.Name.MANAGER
    """The least that sees it with all that can be done."""
    is_of_environment = True
    """Else it shows what is in every environment of the organization."""

    def make(self, here: Here, name: str) -> object:
        """A row that shows this name."""
        raise NotImplementedError

    def address(self, here: Here) -> str:
        return self.path

    def shows(self, page: str, name: str) -> bool:
        """Whether the list, not what is around it, names a row."""
        return re.search(rf"\b{name}\b", self.found(page)) is not None

    def found(self, page: str) -> str:
        return unescape(page[page.index(f'id="{self.part}"') :])

    @pytest.fixture
    def here(self) -> Here:
        return make_here(self.role)

    def test_a_stranger_is_asked_to_log_in(self, here: Here) -> None:
        assert Client().get(self.address(here))["Location"].startswith("/login")

    def test_each_row_is_shown(self, here: Here) -> None:
        for name in NAMES:
            self.make(here, name)

        page = here.get(self.address(here))

        assert [name for name in NAMES if self.shows(page, name)] == [*NAMES]

    def test_rows_of_another_organization_are_out_of_sight(self, here: Here) -> None:
        self.make(here, "ours")
        self.make(make_here(self.role), "theirs")

        page = here.get(self.address(here))

        assert (self.shows(page, "ours"), self.shows(page, "theirs")) == (True, False)

    def test_rows_of_another_environment_are_shown_where_the_list_is_of_the_organization(
        self, here: Here
    ) -> None:
        address = self.address(here)
        other = make_environment(here.environment.organization)
        self.make(Here(here.user, other, here.client), "elsewhere")
        here.client.post("/scope", {"environment": str(here.environment.pk)})

        assert self.shows(here.get(address), "elsewhere") != self.is_of_environment

    def test_it_is_paged(self, here: Here) -> None:
        for number in range(self.size + 1):
            self.make(here, f"row{number:03}")

        first, second, beyond = (here.get(self.address(here), page=page) for page in ("1", "2", "99"))

        counts = [len(set(re.findall(r"\brow\d{3}\b", self.found(page)))) for page in (first, second)]
        assert sum(counts) == self.size + 1 and counts[1] in (1, 2)
        assert "Page 1 of 2" in first and 'rel="next"' in first
        assert "Page 2 of 2" in second and 'rel="prev"' in second
        assert "Page 2 of 2" in beyond

    def test_htmx_gets_the_list_without_the_page(self, here: Here) -> None:
        self.make(here, "alpha")
        headers = {"HX-Request": "true", "HX-Target": self.part}

        answer = here.client.get(self.address(here), headers=headers)

        part = text(answer)
        assert "HX-Request" in answer["Vary"]
        assert part.lstrip().startswith(f'<div id="{self.part}"')
        assert "<main" not in part and self.shows(part, "alpha")

    def test_queries_stay_within_the_budget_however_many_rows(self, here: Here) -> None:
        address = self.address(here)
        self.make(here, "alpha")
        one = asked(here.client, address)
        for number in range(7):
            self.make(here, f"row{number}")

        assert asked(here.client, address) == one
        keep_within(type(self).__name__.removeprefix("Test"), one)


class SearchedList(List):
    """With a field to look for rows in."""

    def test_it_is_searched(self, here: Here) -> None:
        for name in NAMES:
            self.make(here, name)

        page = here.get(self.address(here), q=NAMES[1].upper()[:4])

        assert [name for name in NAMES if self.shows(page, name)] == [NAMES[1]]

    def test_a_search_without_a_match_leads_back_to_all(self, here: Here) -> None:
        self.make(here, "alpha")

        page = here.get(self.address(here), q="nothing-is-called-that")

        assert f"No {self.noun} matches" in page
        assert f'href="{self.address(here)}">Show every {self.noun}</a>' in page
        assert 'value="nothing-is-called-that"' in page

    def test_the_count_is_swapped_beside_the_list(self, here: Here) -> None:
        self.make(here, "alpha")
        headers = {"HX-Request": "true", "HX-Target": self.part}

        part = text(here.client.get(self.address(here), {"q": "alpha"}, headers=headers))

        assert f'id="{self.part}-counted" hx-swap-oob="true"' in part
        assert f"1 {self.noun}" in part


class SortedList(List):
    """By these columns."""

    columns: tuple[str, ...]
    by_name = "name"

    def test_it_is_sorted_by_name_both_ways(self, here: Here) -> None:
        for name in NAMES:
            self.make(here, name)

        for sign, order in (("", NAMES), ("-", NAMES[::-1])):
            found = self.found(here.get(self.address(here), sort=f"{sign}{self.by_name}"))
            places = [re.search(rf"\b{name}\b", found).start() for name in order]  # type: ignore[union-attr]
            assert places == sorted(places)

    def test_every_column_leads_to_its_other_direction(self, here: Here) -> None:
        for name in NAMES:
            self.make(here, name)

        for column in self.columns:
            up, down = (here.get(self.address(here), sort=f"{sign}{column}") for sign in ("", "-"))
            assert 'aria-sort="ascending"' in up and f"sort=-{column}" in up
            assert 'aria-sort="descending"' in down and f"sort={column}" in down
            assert self.shows(up, NAMES[0]) and self.shows(down, NAMES[0])


class EmptyList(List):
    """That may have no row at all."""

    nothing: str
    offers: str = ""
    """The address that is offered to who may add the first."""

    def test_without_rows_it_says_what_to_do_next(self, here: Here) -> None:
        page = here.get(self.address(here))

        assert self.nothing in page
        assert f"No {self.noun} matches" not in page
        if self.offers:
            assert f'href="{self.offers}"' in self.found(page)

    def test_a_viewer_is_not_offered_what_only_others_may(self, here: Here) -> None:
        answer = beside(here).client.get(self.address(here))

        if answer.status_code == 200:
            assert not self.offers or f'href="{self.offers}"' not in text(answer)
            assert self.nothing in text(answer)
        else:
            assert answer.status_code == 403
