"""Searches of the list of APIs that people keep under names."""

import pytest

from apis.lists.models import MOST, SavedView
from apis.lists.search import Search
from console.models import Environment, Role
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_environment

pytestmark = pytest.mark.django_db


def keep(place: Place, name: str = "Mine", query: str = "tag=eu", **fields: object) -> SavedView:
    place.client.post("/apis/views/add", {"name": name, "tag": query.removeprefix("tag="), **fields})
    return SavedView.objects.get(user=place.user, name=name)


def in_menu(place: Place, name: str) -> bool:
    return f">{name}" in text(place.client.get("/apis"))


@pytest.fixture
def place() -> Place:
    place = make_place()
    make_saved_api(place, "Orders", tags=["eu"])
    make_saved_api(place, "Payments")
    return place


def beside(place: Place, role: str = Role.Name.VIEWER) -> Place:
    return make_place(role, place.environment)


def test_a_search_is_kept_and_found_in_the_menu(place: Place) -> None:
    offered = text(place.client.get("/apis", {"tag": "eu", "sort": "-name"}))
    assert 'href="/apis/views/add?tag=eu&amp;sort=-name"' in offered

    answer = place.client.post("/apis/views/add", {"name": "Europe", "tag": "eu", "nonsense": "1"})

    view = SavedView.objects.get()
    assert answer["Location"] == f"/apis?tag=eu&view={view.pk}"
    assert (view.query, view.is_shared, view.environment) == ("tag=eu", False, place.environment)
    page = text(place.client.get(answer["Location"]))
    assert "Payments" not in page[page.index('id="apis"') :]
    assert (
        "Save as view" not in page and f'href="/apis?tag=eu&amp;view={view.pk}" aria-current="page"' in page
    )


def test_only_what_is_shared_is_seen_by_others_of_the_environment(place: Place) -> None:
    keep(place, "Private")
    shared = keep(place, "Everybodys", is_shared="true")
    other, elsewhere = beside(place), make_place()

    assert (in_menu(other, "Private"), in_menu(other, "Everybodys")) == (False, True)
    assert not in_menu(elsewhere, "Everybodys")
    assert elsewhere.client.get(f"/apis/views/{shared.pk}").status_code == 404


def test_a_viewer_keeps_views_and_shares_none(place: Place) -> None:
    viewer = beside(place)
    assert "is_shared" not in text(viewer.client.get("/apis/views/add?q=a"))

    view = keep(viewer, "Own", is_shared="true")

    assert not view.is_shared


def test_changes_of_a_view_are_its_owners(place: Place) -> None:
    view = keep(place, is_shared="true")
    manager = beside(place, Role.Name.MANAGER)

    for path in ("", "/replace", "/delete"):
        answer = manager.client.post(f"/apis/views/{view.pk}{path}", {"name": "Theirs", "tag": "us"})
        assert answer.status_code == 403
    view.refresh_from_db()
    assert (view.name, view.query) == ("Mine", "tag=eu")
    place.client.post(f"/apis/views/{view.pk}/replace", {"tag": "us"})
    place.client.post(f"/apis/views/{view.pk}", {"name": "Renamed"})
    view.refresh_from_db()
    assert (view.name, view.query, view.is_shared) == ("Renamed", "tag=us", False)
    place.client.post(f"/apis/views/{view.pk}/delete")
    assert not SavedView.objects.exists()


def test_an_administrator_deletes_what_others_share(place: Place) -> None:
    view = keep(place, is_shared="true")

    beside(place, Role.Name.ADMINISTRATOR).client.post(f"/apis/views/{view.pk}/delete")

    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "Give the view a name"), ("x" * 81, "Give the view a name"), ("Mine", "choose another name")],
)
def test_a_name_is_needed_and_new(place: Place, name: str, words: str) -> None:
    keep(place)

    answer = place.client.post("/apis/views/add", {"name": name, "tag": "us"})

    assert (answer.status_code, words in text(answer)) == (422, True)
    assert 'name="tag" value="us"' in text(answer)
    assert SavedView.objects.count() == 1


def test_views_are_so_many_at_most(place: Place) -> None:
    def view(number: int, environment: Environment) -> SavedView:
        return SavedView(user=place.user, environment=environment, name=f"v{number}")

    SavedView.objects.bulk_create(view(number, place.environment) for number in range(MOST))
    SavedView.objects.bulk_create([view(0, make_environment())])

    answer = place.client.post("/apis/views/add", {"name": "more", "tag": "us"})

    assert (answer.status_code, "delete one first" in text(answer)) == (422, True)


def test_a_search_of_an_address_is_bounded_and_its_own_parameters_alone() -> None:
    search = Search.of({"q": " " + "x" * 500, "page": "3", "status": "Active"})

    assert (len(search.q), search.query) == (200, f"q={'x' * 200}&status=Active")
