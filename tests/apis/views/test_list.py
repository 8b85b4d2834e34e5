"""The list of APIs."""

import pytest

from apis.traffic import Traffic
from tests.apis.views.pages import make_place, make_saved_api, text

pytestmark = pytest.mark.django_db


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


def test_only_a_row_that_waits_asks_again() -> None:
    place = make_place()
    waiting = make_saved_api(place, "Orders", deploy=True)
    settled = make_saved_api(place, "Payments")

    page = text(place.client.get("/apis"))

    assert f"/apis/{waiting.pk}/row" in page
    assert f"/apis/{settled.pk}/row" not in page
    assert "every" not in text(place.client.get(f"/apis/{settled.pk}/row"))


def test_error_rate_is_of_the_requests() -> None:
    assert Traffic(200, 3).error_rate == 1.5
    assert Traffic(0, 0).error_rate is None
