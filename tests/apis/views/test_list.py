"""The list of APIs."""

import re
from dataclasses import replace
from decimal import Decimal

import pytest
from django.template.defaultfilters import floatformat

from apis.changes.instances import edit_api, set_deprecated
from apis.changes.owners import add_owner
from apis.changes.policies import apply_policy
from apis.desired import DesiredRoute, DesiredUpstream
from apis.templatetags.apis import sparkline
from apis.traffic import Traffic
from tests.analytics.traffic import Shipper, count
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_contract
from tests.rest import Rest

pytestmark = pytest.mark.django_db


def shown(place: Place, **asked: str) -> list[str]:
    """The names of the APIs that the list shows."""
    page = text(place.client.get("/apis", asked))
    return re.findall(r'<b><a href="/apis/\d+">([^<]+)</a>', page)


def test_row_shows_what_is_known() -> None:
    place = make_place()
    api = make_saved_api(place, "Orders", label="prod-eu", deploy=True)

    page = text(place.client.get("/apis"))

    for words in ("Orders", "prod-eu", "v1", str(api.pk), place.gateway.name, "Applying"):
        assert words in page


def test_it_says_where_an_api_listens_and_not_where_it_would() -> None:
    place = make_place()
    api = make_saved_api(place, "Orders", deploy=True)
    edit_api(place.user, api, lambda it: replace(it, base_path="/later"), deploy=False)
    runs = f":{api.port}/orders</small>"

    assert runs in text(place.client.get("/apis"))
    assert runs in text(place.client.get(f"/gateways/{place.gateway.pk}/apis"))
    assert f":{api.port}/orders ·" in text(place.client.get("/search?q=Orders"))
    told = Rest(place.user, place.environment)
    where = told("GET", f"AMX/flex-gateway-targets/{place.gateway.pk}/apis").data["instances"]
    assert where == [{"id": api.pk, "port": api.port, "path": "/orders"}]


@pytest.mark.parametrize(
    "query",
    [
        "orders",
        "PROD",
        "v1 orders",
        "/ord",
        "9091",
        ":9091",
        ":9091/ord",
        "stock.internal",
        "SQUAD-A",
        "{pk}",
    ],
)
def test_search_finds_by_what_a_row_is_known_by(query: str) -> None:
    place = make_place()
    there = [DesiredRoute(upstreams=[DesiredUpstream("http://stock.internal:8080/")])]
    api = make_saved_api(
        place, "Orders", label="prod-eu", port=9091, tags=["squad-a", "b"], routes=there, base_path="/ordered"
    )
    make_saved_api(place, "Payments", tags=["squad-b"])

    assert shown(place, q=query.format(pk=api.pk)) == ["Orders"]


def test_a_word_of_upstreams_elsewhere_finds_nothing() -> None:
    place = make_place()
    make_saved_api(place, "Orders")

    assert shown(place, q="backend payments") == []
    assert shown(place, q="%") == []


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"tag": "squad-a"}, ["Orders"]),
        ({"tag": "squad"}, []),
        ({"owner": "TEAM@example.com"}, ["Orders"]),
        ({"protocol": "http"}, ["Orders", "Payments"]),
        ({"protocol": "https"}, []),
        ({"deprecated": "yes"}, ["Payments"]),
        ({"deprecated": "no"}, ["Orders"]),
        ({"gateway": "none"}, ["Payments"]),
        ({"gateway": "not-a-key"}, []),
        ({"gateway": "{gateway}", "status": "Applying"}, ["Orders"]),
        ({"tag": "squad-a", "deprecated": "yes"}, []),
    ],
)
def test_filters_stand_in_the_address(asked: dict[str, str], names: list[str]) -> None:
    place = make_place()
    api = make_saved_api(place, "Orders", tags=["squad-a"], deploy=True)
    add_owner(place.user, api, "Team@example.com")
    set_deprecated(place.user, make_saved_api(place, "Payments", gateway=None), True)

    assert (
        shown(place, **{name: text.format(gateway=place.gateway.pk) for name, text in asked.items()}) == names
    )


def test_what_waits_to_be_deployed_is_told_and_filtered() -> None:
    place = make_place()
    api = make_saved_api(place, "Orders", deploy=True)
    make_saved_api(place, "Payments", deploy=True)
    apply_policy(place.user, api, "ip-allowlist", {"ips": ["10.0.0.1"]}, deploy=False)

    page = text(place.client.get("/apis"))

    assert page.count("Pending changes") == 1
    assert shown(place, pending="yes") == ["Orders"]
    assert shown(place, pending="no") == ["Payments"]


def test_what_an_address_asks_for_can_be_chosen_though_nothing_has_it() -> None:
    place = make_place()
    make_saved_api(place, "Orders", tags=["eu"])

    page = text(place.client.get("/apis", {"tag": "gone"}))

    assert '<option value="gone" selected>gone</option>' in page
    assert '<option value="eu">eu</option>' in page


def test_columns_are_chosen_and_kept_for_the_user() -> None:
    place = make_place()
    api = make_saved_api(place, "Orders", label="prod-eu", tags=["squad-a"])
    add_owner(place.user, api, "team@example.com")

    chosen = {"columns": ["owners", "upstream", "nonsense"], "q": "orders", "sort": "-name"}
    answer = place.client.post("/apis/columns", chosen)

    assert answer["Location"] == "/apis?q=orders&sort=-name"
    page = text(place.client.get("/apis"))
    row = page[page.index(f'id="api-{api.pk}"') :]
    assert "team@example.com" in row and "http://backend:8080/" in row
    assert 'data-label="Tags"' not in row
    assert "team@example.com" in text(place.client.get(f"/apis/{api.pk}/row"))
    assert 'data-label="Owners"' not in text(make_place(environment=place.environment).client.get("/apis"))
    place.client.post("/apis/columns", {"usual": "1"})
    assert "squad-a" in text(place.client.get("/apis"))


def test_the_day_is_drawn_hour_by_hour() -> None:
    drawn = sparkline(Traffic(31, 1, ((0, 0),) * 22 + ((30, 0), (1, 1))))

    assert 'viewBox="0 0 96 20"' in drawn and "style" not in drawn
    assert "Requests each hour: 1 in this one, 30 at most" in drawn
    assert 'class="c1" d="M88 20v-20h3v20zM92 20v-1h3v1z"' in drawn
    assert 'class="c4" d="M92 20v-1h3v1z"' in drawn


def test_status_filters() -> None:
    place = make_place()
    make_saved_api(place, "Orders", deploy=True)
    make_saved_api(place, "Payments")

    page = text(place.client.get("/apis", {"status": "Unregistered"}))

    assert "Payments" in page
    assert "Orders" not in page
    assert "No API matches" in text(place.client.get("/apis", {"status": "active"}))
    where = {"environment": str(place.environment.pk), "action": "undeploy", "all": "1", "status": "active"}
    assert "Choose at least one API" in text(place.client.post("/apis/bulk", where, follow=True))


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


@pytest.mark.parametrize("order", ["requests", "-requests", "-errors", "status", "-status", "applications"])
@pytest.mark.parametrize("q", ["", "listed"])
def test_pages_of_an_order_have_each_api_once(order: str, q: str) -> None:
    place = make_place()
    apis = [make_saved_api(place, f"Listed-{at:02}") for at in range(27)]
    busy, failing = apis[20], apis[4]
    Shipper(busy).ship(count(busy, 9))
    Shipper(failing).ship(count(failing, 2, status=500))

    first, second = (shown(place, sort=order, q=q, page=page) for page in ("1", "2"))

    names = [f"Listed-{at:02}" for at in range(27)]
    foremost = {"-requests": [busy, failing], "-errors": [failing, busy]}.get(order, [])
    last = [failing.asset.name, busy.asset.name] if order == "requests" else []
    wanted = [one.asset.name for one in foremost]
    others = [name for name in names if name not in (*wanted, *last)]
    assert [*first, *second] == [*wanted, *(others[::-1] if order.startswith("-") else others), *last]
    assert len(first) == 25
    for page, wanted in (("3", second), ("0", second), ("-4", second), ("9" * 30, second), ("x", first)):
        assert shown(place, sort=order, q=q, page=page) == wanted
    assert shown(place, sort=order, q="nowhere") == []


def test_only_a_row_that_waits_asks_again() -> None:
    place = make_place()
    waiting = make_saved_api(place, "Orders", deploy=True)
    settled = make_saved_api(place, "Payments")

    page = text(place.client.get("/apis"))

    assert f"/apis/{waiting.pk}/row" in page
    assert f"/apis/{settled.pk}/row" not in page
    assert "every" not in text(place.client.get(f"/apis/{settled.pk}/row"))


@pytest.mark.parametrize("requests", [1, 3, 7, 200, 800, 20_000, 1_234_567])
def test_error_rate_is_of_the_requests(requests: int) -> None:
    for errors in {0, 1, requests // 3, requests // 2, requests - 1, requests}:
        wanted = floatformat(Decimal(100 * errors) / requests, 2)
        assert Traffic(requests, errors).error_percent == wanted
    assert Traffic(200, 3).error_percent == "1.50"


def test_the_list_tells_how_many_applications_may_call_an_api_and_is_sorted_by_it() -> None:
    place = make_place()
    alone, called = make_saved_api(place, "Alone"), make_saved_api(place, "Called")
    for status in ("APPROVED", "APPROVED", "PENDING", "REVOKED"):
        make_contract(called, status=status)

    place.client.post("/apis/columns", {"columns": ["applications"]})
    rising, falling = (text(place.client.get("/apis", {"sort": f"{sign}applications"})) for sign in ("", "-"))

    assert f'<a href="/apis/{called.pk}/contracts?status=APPROVED">2</a>' in rising
    assert f"/apis/{alone.pk}/contracts" not in rising
    assert [page.index(">Alone<") < page.index(">Called<") for page in (rising, falling)] == [True, False]
