"""The list of APIs."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apis.traffic import Traffic
from console.models import Role
from tests.apis.views.pages import make_place, make_saved_api, text

pytestmark = pytest.mark.django_db


def test_empty_list_says_what_to_do_next() -> None:
    place = make_place()

    page = text(place.client.get("/apis"))

    assert "No APIs here yet" in page
    assert "/apis/add" in page


def test_viewer_is_not_offered_to_add() -> None:
    place = make_place(Role.Name.VIEWER)

    assert "/apis/add" not in text(place.client.get("/apis"))
    assert place.client.get("/apis/add").status_code == 403


def test_row_shows_what_is_known() -> None:
    place = make_place()
    api = make_saved_api(place, "Orders", label="prod-eu", deploy=True)

    page = text(place.client.get("/apis"))

    for words in ("Orders", "prod-eu", "v1", str(api.pk), place.gateway.name, "Applying"):
        assert words in page


@pytest.mark.parametrize("query", ["orders", "PROD", "v1 orders"])
def test_search_finds_by_name_version_and_label(query: str) -> None:
    place = make_place()
    make_saved_api(place, "Orders", label="prod-eu")
    make_saved_api(place, "Payments")

    page = text(place.client.get("/apis", {"q": query}))

    assert "Orders" in page
    assert "Payments" not in page


def test_search_without_a_match_says_so() -> None:
    place = make_place()
    make_saved_api(place)

    assert "No API matches" in text(place.client.get("/apis", {"q": "nothing"}))


def test_status_filters() -> None:
    place = make_place()
    make_saved_api(place, "Orders", deploy=True)
    make_saved_api(place, "Payments")

    page = text(place.client.get("/apis", {"status": "Unregistered"}))

    assert "Payments" in page
    assert "Orders" not in page


@pytest.mark.parametrize(
    "order", ["name", "label", "version", "id", "gateway", "created", "status", "requests", "errors"]
)
def test_every_column_sorts(order: str) -> None:
    place = make_place()
    make_saved_api(place, "Orders")
    make_saved_api(place, "Payments")

    up, down = (text(place.client.get("/apis", {"sort": f"{sign}{order}"})) for sign in ("", "-"))

    assert (up.index(">Orders<") < up.index(">Payments<")) or (
        down.index(">Orders<") < down.index(">Payments<")
    )


def test_name_sorts_both_ways() -> None:
    place = make_place()
    make_saved_api(place, "Orders")
    make_saved_api(place, "Payments")

    page = text(place.client.get("/apis", {"sort": "-name"}))

    assert page.index(">Payments<") < page.index(">Orders<")


def test_only_a_row_that_waits_asks_again() -> None:
    place = make_place()
    waiting = make_saved_api(place, "Orders", deploy=True)
    settled = make_saved_api(place, "Payments")

    page = text(place.client.get("/apis"))

    assert f"/apis/{waiting.pk}/row" in page
    assert f"/apis/{settled.pk}/row" not in page
    assert "every" not in text(place.client.get(f"/apis/{settled.pk}/row"))


def test_list_is_paged() -> None:
    place = make_place()
    for number in range(26):
        make_saved_api(place, f"Api{number:02}")

    first, second = (text(place.client.get("/apis", {"page": page})) for page in (1, 2))

    assert "Page 1 of 2" in first
    assert ">Api25<" in second


def test_queries_do_not_grow_with_the_rows() -> None:
    place = make_place()
    make_saved_api(place, "Api0", deploy=True)
    place.client.get("/apis")
    with CaptureQueriesContext(
        connection,
    ) as one:
        place.client.get("/apis")
    for number in range(1, 10):
        make_saved_api(place, f"Api{number}", deploy=True)

    with CaptureQueriesContext(connection) as ten:
        place.client.get("/apis")

    assert len(ten) == len(one)


def test_another_organizations_apis_are_out_of_sight() -> None:
    ours, theirs = make_place(), make_place()
    api = make_saved_api(theirs, "Secret")

    assert "Secret" not in text(ours.client.get("/apis"))
    for path in (
        "",
        "/row",
        "/status",
        "/policies",
        "/routes",
        "/deployments",
        "/history",
        "/settings",
    ):
        assert ours.client.get(f"/apis/{api.pk}{path}").status_code == 404


def test_error_rate_is_of_the_requests() -> None:
    assert Traffic(200, 3).error_rate == 1.5
    assert Traffic(0, 0).error_rate is None
