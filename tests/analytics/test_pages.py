import csv
import io
import json
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics import ranges
from apis.models import ApiInstance
from tests.analytics.traffic import NOW, Shipper, count, resource, sample
from tests.factories import make_api, make_gateway, make_role, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> ApiInstance:
    return make_api(name="orders")


@pytest.fixture
def page(client: Client, api: ApiInstance) -> Client:
    """A browser of someone who may look at the API."""
    user = make_user()
    make_role(user, api.environment.organization, "viewer")
    client.force_login(user)
    return client


def ship(api: ApiInstance, **fields: Any) -> None:
    Shipper(api).ship(
        count(api, 90, us=2000, route="main"),
        count(api, 8, status=401, policy="http-basic-authentication", upstream={}),
        count(api, 2, status=503, method="POST"),
        resources=(resource(api, 100, server_errors=2),),
        samples=(
            sample(api, path="/orders/7", at=NOW - 1.0),
            sample(api, path="/orders/8", status=503, at=NOW - 2.0),
            sample(api, path="/orders/9", status=401, policy="http-basic-authentication", at=NOW - 3.0),
        ),
        **fields,
    )


def chart_data(html: str) -> dict[str, Any]:
    found = re.search(r'<script id="chart-data" type="application/json">(.*?)</script>', html)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_routes_are_called_what_people_call_them(page: Client, api: ApiInstance) -> None:
    api.routes.create(position=0, path="/v2(/.*)", methods="GET|POST")
    api.routes.create(position=1, label="canary / new")
    api.routes.create(position=2)
    names = ("0", "canary - new", "2", "7", "none")
    Shipper(api).ship(*(count(api, 3, route=name) for name in names))

    html = page.get(f"/apis/{api.pk}/analytics").content.decode()

    shown = re.findall(r'<span class="break">(.*?)</span>', html.partition("<h2>Routes</h2>")[2])
    titles = {"GET|POST /v2(/.*)", "canary / new", "Every request", "A former route", "No route matched"}
    assert set(shown) == titles


def test_answers_that_are_all_cut_have_no_latency(page: Client, api: ApiInstance) -> None:
    cut = {"failure": "cut", "failure_detail": "closed", "upstream_host": "10.0.0.7:80", "total": {}}
    Shipper(api).ship(count(api, 3, **cut), samples=(sample(api, failure="cut"),))

    html = page.get(f"/apis/{api.pk}/analytics").content.decode()

    assert "no answer was sent to its end" in html
    assert 'data-label="Total"><span title="No answer was sent to its end">–</span>' in html


def test_the_dashboard_shows_the_requests(page: Client, api: ApiInstance) -> None:
    ship(api)

    html = page.get(f"/apis/{api.pk}/analytics").content.decode()

    charts = chart_data(html)["charts"]
    totals = {series["name"]: sum(series["values"]) for series in charts["requests"]}
    assert totals == {"2xx": 90, "3xx": 0, "4xx": 8, "5xx": 2}
    assert sum(charts["violations"][0]["values"]) == 8
    assert max(value or 0 for value in charts["total"][0]["values"]) == pytest.approx(2, rel=0.05)
    assert "/orders/{id}" in html
    assert "/orders/8" in html


def test_every_range_shows_the_same_requests(page: Client, api: ApiInstance) -> None:
    ship(api)

    for name in ("15m", "1h", "6h", "24h", "7d", "30d"):
        data = chart_data(page.get(f"/apis/{api.pk}/analytics?range={name}").content.decode())
        requests = sum(sum(series["values"]) for series in data["charts"]["requests"])
        assert (name, requests) == (name, 100)
        steps = (data["end"] - data["start"]) // data["step"]
        assert all(len(series["values"]) == steps for series in data["charts"]["requests"])


def test_a_custom_range_is_not_live_and_can_be_reset(page: Client, api: ApiInstance) -> None:
    ship(api)

    now = int(time.time())
    html = page.get(f"/apis/{api.pk}/analytics?range=6h&from={now - 300}&to={now + 60}").content.decode()

    assert 'hx-trigger="every' not in html.split('id="figures"')[1][:200]
    assert "Reset to 6h" in html
    assert chart_data(html)["step"] == 10


@pytest.mark.parametrize(
    "query",
    [
        "range=nonsense",
        "from=x&to=y",
        "from=5&to=1",
        "from=99999999999999&to=999999999999999",
        "from=1e9&to=-1",
        "from=2020-13-45T99:99&to=2020-01-01T00:00",
        "from=1&to=9999999999",
        "from=1&to=2",
        "samples=<script>",
    ],
)
def test_what_cannot_be_read_of_an_address_is_no_error(page: Client, api: ApiInstance, query: str) -> None:
    assert page.get(f"/apis/{api.pk}/analytics?{query}").status_code == 200
    assert page.get(f"/analytics?{query}").status_code == 200


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"from": "2026-02-02T10:00", "to": "2026-02-02T09:00"}, "ends before it starts"),
        ({"from": "2999-01-01T10:00", "to": "2999-01-01T11:00"}, "has not begun"),
        ({"from": "yesterday", "to": "2026-02-02T09:00"}, "is not two times"),
    ],
)
def test_a_range_that_cannot_be_shown_is_said(
    page: Client, api: ApiInstance, query: dict[str, str], why: str
) -> None:
    for address in ("/analytics", f"/apis/{api.pk}/analytics"):
        html = page.get(address, query | {"range": "6h"}).content.decode()

        assert f"The range that was asked for {why}. Here is the last 6h instead." in html
        assert "The range that was asked for" not in page.get(address, {"range": "6h"}).content.decode()


def test_the_year_is_said_where_it_is_not_this_one() -> None:
    start = timezone.now().replace(month=1, day=2, hour=0, minute=0, second=0, microsecond=0)
    before = start.replace(year=start.year - 1)
    two_days = timedelta(days=2)

    assert ranges.between(start, start + two_days).words == "2 Jan 00:00 – 4 Jan 00:00"
    assert (
        ranges.between(before, before + two_days).words
        == f"2 Jan {before.year} 00:00 – 4 Jan {before.year} 00:00"
    )


def test_samples_are_filtered_by_class(page: Client, api: ApiInstance) -> None:
    ship(api)

    failed = page.get(f"/apis/{api.pk}/analytics?samples=5xx").content.decode()
    refused = page.get(f"/apis/{api.pk}/analytics?samples=violations").content.decode()

    assert "/orders/8" in failed
    assert "/orders/7" not in failed
    assert "/orders/9" in refused
    assert "/orders/8" not in refused


def test_a_poll_gets_the_figures_alone(page: Client, api: ApiInstance) -> None:
    ship(api)

    html = page.get(
        f"/apis/{api.pk}/analytics", headers={"HX-Request": "true", "HX-Target": "figures"}
    ).content.decode()

    assert html.strip().startswith('<div class="stack wide" id="figures"')
    assert "<html" not in html


def deploy(api: ApiInstance, generation: int) -> None:
    """A deployment of the API's gateway that brought a change of the API."""
    assert api.gateway
    api.gateway.deployments.create(generation=generation, digest="d", resources_count=1)
    api.brought.create(gateway=api.gateway, generation=generation)


def test_its_own_deployments_are_marked(page: Client, api: ApiInstance) -> None:
    ship(api)
    deploy(api, 41)
    deploy(make_api(api.gateway), 42)

    data = chart_data(page.get(f"/apis/{api.pk}/analytics").content.decode())

    assert [mark["label"] for mark in data["marks"]] == ["Deployment 41: deployed again"]


def test_an_apis_overview_draws_the_last_hour_with_its_deployments(page: Client, api: ApiInstance) -> None:
    ship(api)
    deploy(api, 41)
    deploy(make_api(api.gateway), 42)

    html = page.get(f"/apis/{api.pk}/analytics/tiles").content.decode()

    assert "100 requests in the last hour" in html
    assert [html.count(f'<rect class="{css}"') for css in ("c1", "c3", "c4")] == [1, 1, 1]
    assert html.count('<line class="mark"') == 1
    assert "Deployment 41: deployed again, " in html
    assert f'href="/apis/{api.pk}/analytics"' in html


def test_an_api_without_traffic_says_what_to_do(page: Client, api: ApiInstance) -> None:
    for path in (f"/apis/{api.pk}/analytics", "/analytics"):
        assert "No requests in this time" in page.get(path).content.decode()
    assert "no traffic" in page.get(f"/apis/{api.pk}/analytics/tiles").content.decode()


def test_the_overview_names_the_busiest_and_the_failing(page: Client, api: ApiInstance) -> None:
    quiet = make_api(api.gateway, name="quiet")
    ship(api)
    Shipper(quiet).ship(count(quiet, 1))

    html = page.get("/analytics").content.decode()

    busiest, failing = html.split("Busiest APIs")[1].split("Most errors")
    assert busiest.index("orders") < busiest.index("quiet")
    assert "quiet" not in failing


def test_another_organizations_api_is_not_found(page: Client) -> None:
    other = make_api()
    ship(other)

    for path in ("", "/tiles", "/export.csv"):
        assert page.get(f"/apis/{other.pk}/analytics{path}").status_code == 404
    assert f"instance {other.pk}<" not in page.get("/analytics").content.decode()


def test_the_export_holds_what_the_charts_show(page: Client, api: ApiInstance) -> None:
    ship(api)

    response = page.get(f"/apis/{api.pk}/analytics/export.csv")

    lines = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert sum(int(line["requests"]) for line in lines) == 100
    assert sum(int(line["violations"]) for line in lines) == 8
    assert response["Content-Disposition"].startswith("attachment")


def test_the_number_of_queries_does_not_grow(page: Client, api: ApiInstance) -> None:
    def queries(path: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert page.get(path).status_code == 200
        return len(captured)

    ship(api)
    paths = (
        f"/apis/{api.pk}/analytics",
        "/analytics",
        f"/apis/{api.pk}/analytics?range=30d",
        "/analytics?range=7d",
    )
    for path in paths:
        queries(path)
    before = [queries(path) for path in paths]
    for number in range(6):
        more = make_api(api.gateway)
        ship(more)
        Shipper(api).ship(count(api, 3, route=f"route-{number}", status=200 + number, at=NOW - 60 * number))

    assert [queries(path) for path in paths] == before


def test_a_paused_page_does_not_ask_again(page: Client, api: ApiInstance) -> None:
    html = page.get(f"/apis/{api.pk}/analytics?live=0").content.decode()

    assert 'id="figures">' in html
    assert "Go live" in html


def test_the_list_of_apis_shows_the_last_day(page: Client, api: ApiInstance) -> None:
    ship(api)
    make_api(make_gateway(api.environment), name="silent")

    html = page.get("/apis").content.decode()

    assert "10.0" in html
    assert "100" in html


def test_traffic_is_told_by_upstream_and_the_page_narrowed_to_one(page: Client, api: ApiInstance) -> None:
    blue = api.upstreams.create(uri="http://blue.example", label="blue")
    green = api.upstreams.create(uri="http://green.example/next")
    names = [f"{api.resource_name}-{one.pk.hex[:8]}" for one in (blue, green)]
    Shipper(api).ship(
        count(api, 90, us=2000, service=names[0]),
        count(api, 8, us=400_000, status=503, service=names[1]),
        count(api, 2, service=names[1], method="POST"),
        count(api, 5, status=429, policy="rate-limiting", upstream={}),
        samples=(sample(api, path="/a", service=names[0]), sample(api, path="/b", service=names[1])),
    )
    address = f"/apis/{api.pk}/analytics"

    whole = page.get(address).content.decode()
    one = page.get(f"{address}?range=24h&upstream={green.pk.hex[:8]}").content.decode()

    def told(html: str) -> list[str]:
        text = re.sub(r"<[^>]+>|\s+", " ", html.partition('id="upstreams"')[2].partition("</section>")[0])
        return re.findall(r"(blue|http://green\.example/next)\s+(\d+)\s+([\d.]+ %)\s+([\d.]+ %)", text)

    assert told(whole) == [
        ("blue", "90", "90.0 %", "0.0 %"),
        ("http://green.example/next", "10", "10.0 %", "80.0 %"),
    ]
    assert "Not told" not in whole and "Only what was sent to" not in whole
    assert "Only what was sent to" in one and one.count("All upstreams") == 2
    totals = {one["name"]: sum(one["values"]) for one in chart_data(one)["charts"]["requests"]}
    assert (totals["2xx"], totals["5xx"], totals["4xx"]) == (2, 8, 0)
    assert "/b" in one and ">/a<" not in one
    assert f"?range=7d&amp;upstream={green.pk.hex[:8]}" in one
    export = page.get(f"{address}/export.csv?upstream={green.pk.hex[:8]}").content.decode()
    assert sum(int(row["requests"]) for row in csv.DictReader(io.StringIO(export))) == 10
    assert page.get(f"{address}?upstream=%27;--").status_code == 200
