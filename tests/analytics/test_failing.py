"""Upstreams that fail, as every page says it."""

import html
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics import queries, ranges
from analytics.models import TrafficMinute, TrafficWindow
from analytics.rollups import roll_up
from apis.changes.instances import edit_api
from apis.failing import Failing, UpstreamFailure
from apis.models import ApiInstance
from gateways.protocol import failures
from gateways.protocol.messages import TrafficCount
from tests.analytics.traffic import Shipper, count, sample
from tests.apis.views.pages import make_place, make_saved_api
from tests.factories import make_api, make_gateway, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db

SENTENCE = "connection refused by 10.0.0.7:80, 214 of 214 in 5 min"


@pytest.fixture
def api() -> ApiInstance:
    return make_api(name="orders")


@pytest.fixture
def page(client: Client, api: ApiInstance) -> Client:
    user = make_user()
    make_role(user, api.environment.organization, "viewer")
    client.force_login(user)
    return client


def failed(api: ApiInstance, requests: int, reason: str = "connection_refused", **more: Any) -> TrafficCount:
    fields = {"status": 503, "upstream_host": "10.0.0.7:80", "at": int(time.time()), "upstream": {}}
    return count(api, requests, failure=reason, **fields | more)


def text(page: Client, path: str) -> str:
    answer = page.get(path)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def test_it_is_said_wherever_the_api_is_shown(page: Client, api: ApiInstance) -> None:
    Shipper(api).ship(failed(api, 214))

    for path in (
        f"/apis/{api.pk}",
        f"/apis/{api.pk}/status",
        f"/apis/{api.pk}/policies",
        "/apis",
        "/apis?status=Upstream+failing",
        "/",
        f"/gateways/{api.gateway_id}/apis",
    ):
        assert SENTENCE in text(page, path), path
    assert ", upstream failing" in text(page, f"/apis/{api.pk}")


def test_rest_says_it_beside_what_replicas_acknowledged(api: ApiInstance) -> None:
    user = make_user()
    make_role(user, api.environment.organization, "viewer")
    rest = Rest(user, api.environment)
    before = rest("GET", f"AM/{api.pk}").data

    Shipper(api).ship(failed(api, 214))

    after, listed = rest("GET", f"AM/{api.pk}").data, rest("GET", "AM").data["assets"][0]["apis"]
    assert (before["upstreamFailing"], after["upstreamFailing"]) == (None, SENTENCE)
    assert listed == [after]
    assert after["configurationStatus"] == before["configurationStatus"]


def test_the_overview_says_where_it_listens_and_not_where_it_would(page: Client) -> None:
    place = make_place()
    api = make_saved_api(place, "Orders", deploy=True)
    edit_api(place.user, api, lambda it: replace(it, base_path="/later"), deploy=False)
    Shipper(api).ship(failed(api, 214))

    overview = text(place.client, "/")

    assert f":{api.port}/orders</small>" in overview and "/later" not in overview


def test_an_upstream_that_is_well_is_not_among_the_failing(page: Client, api: ApiInstance) -> None:
    Shipper(api).ship(count(api, 214, at=int(time.time())))

    assert "orders" not in text(page, "/apis?status=Upstream+failing")
    assert "failing" not in text(page, f"/apis/{api.pk}/status")


@pytest.mark.parametrize(
    ("failing", "well", "says_so"),
    [(2, 0, False), (3, 0, True), (3, 27, True), (3, 28, False), (100, 901, False), (100, 900, True)],
)
def test_a_few_failures_that_are_a_tenth_ask_for_a_look(
    api: ApiInstance, failing: int, well: int, says_so: bool
) -> None:
    counts = [failed(api, failing), *([count(api, well, at=int(time.time()))] if well else [])]
    Shipper(api).ship(*counts)

    assert bool(queries.failing([api.pk])) is says_so


def test_what_policies_refuse_does_not_water_it_down(api: ApiInstance) -> None:
    Shipper(api).ship(
        failed(api, 5),
        count(api, 9000, status=401, policy="http-basic-authentication", at=int(time.time())),
    )

    assert queries.failing([api.pk])[api.pk].sentence.endswith("5 of 5 in 5 min")


def test_what_is_longer_ago_than_five_minutes_is_over(api: ApiInstance) -> None:
    Shipper(api).ship(failed(api, 50, at=int(time.time()) - 320))

    assert queries.failing([api.pk]) == {}


def test_another_environments_apis_are_not_told_of(api: ApiInstance) -> None:
    other = make_api(name="other")
    Shipper(api).ship(failed(api, 5))
    Shipper(other).ship(failed(other, 5))

    assert set(queries.failing(api.environment)) == {api.pk}
    assert set(queries.failing([api.pk, other.pk])) == {api.pk, other.pk}


def test_the_most_frequent_reason_is_named_first(api: ApiInstance) -> None:
    Shipper(api).ship(failed(api, 3, "response_timeout"), failed(api, 30), count(api, 7, at=int(time.time())))

    assert queries.failing([api.pk])[api.pk].sentence == (
        "connection refused by 10.0.0.7:80, 30 of 40 in 5 min; 3 more failed otherwise"
    )


def test_every_reason_of_the_gateway_has_words() -> None:
    reasons = [value for name, value in vars(failures).items() if name.isupper() and isinstance(value, str)]

    for reason in reasons:
        told = UpstreamFailure(reason, "", "10.0.0.7:80", 3)
        assert "_" not in told.title
        assert "10.0.0.7:80" in told.sentence
    assert "a_new_one" not in Failing((UpstreamFailure("a_new_one", "", "x:1", 3),), 3).sentence


def test_analytics_tell_why_requests_failed(page: Client, api: ApiInstance) -> None:
    now = time.time()
    Shipper(api).ship(
        failed(api, 5, "tls_failure", failure_detail="expired", upstream_host="orders.internal:443"),
        count(api, 1, at=int(now)),
        samples=(
            sample(
                api,
                path="/why",
                status=503,
                at=now,
                failure="dns_failure",
                upstream_host="no-such.invalid:80",
            ),
            sample(api, path="/fine", at=now),
        ),
    )

    shown = text(page, f"/apis/{api.pk}/analytics")
    chosen = text(page, f"/apis/{api.pk}/analytics?samples=failed")

    assert "Why requests failed" in shown
    assert "its certificate has expired" in shown and "orders.internal:443" in shown
    assert "Name does not resolve" in chosen and "no-such.invalid:80" in chosen
    assert "/why" in chosen and "/fine" not in chosen


def test_an_environments_analytics_tell_why_requests_of_all_its_apis_failed(
    page: Client, api: ApiInstance
) -> None:
    neighbour = make_api(api.gateway, name="stock", base_path="/stock")
    stranger = make_api(name="stranger")
    Shipper(api).ship(failed(api, 5), count(api, 9))
    Shipper(neighbour).ship(
        failed(neighbour, 5), failed(neighbour, 3, "dns_failure", upstream_host="no.invalid")
    )
    Shipper(stranger).ship(failed(stranger, 7, "tls_failure", upstream_host="foreign.internal"))

    shown = text(page, "/analytics")

    assert "Why requests failed" in shown
    assert "Connection refused" in shown and "10.0.0.7:80" in shown and "76.9 %" in shown
    assert "Name does not resolve" in shown and "no.invalid" in shown
    assert "foreign.internal" not in shown


def test_an_answer_that_was_cut_is_no_success(page: Client, api: ApiInstance) -> None:
    Shipper(api).ship(failed(api, 4, "cut", status=200, failure_detail="closed"), count(api, 6))

    figures = queries.summary(api.pk, 60)

    assert (figures.classes["2xx"], figures.classes["cut"], figures.errors) == (6, 4, 4)
    assert queries.last_day([api.pk]) == {api.pk: (10, 4)}


@pytest.mark.django_db(transaction=True)
def test_failures_are_kept_when_they_are_rolled_up(api: ApiInstance) -> None:
    at = int(time.time()) - 3600
    Shipper(api).ship(failed(api, 4, "cut", status=200, at=at), failed(api, 5, at=at))

    before = queries.failures([api.pk], ranges.last(timedelta(hours=6)))
    roll_up()
    TrafficWindow.objects.all().delete()
    after = queries.failures([api.pk], ranges.last(timedelta(hours=6)))

    assert (
        before
        == after
        == [
            UpstreamFailure("connection_refused", "", "10.0.0.7:80", 5),
            UpstreamFailure("cut", "", "10.0.0.7:80", 4),
        ]
    )
    assert TrafficMinute.objects.count() == 2
    assert queries.summary(api.pk, 360).classes["cut"] == 4


def test_the_questions_do_not_grow_with_the_apis(page: Client, api: ApiInstance) -> None:
    def asked(path: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            page.get(path)
        return len(seen)

    Shipper(api).ship(failed(api, 5))
    paths = ("/apis", "/", "/analytics")
    few = {path: asked(path) for path in paths}
    gateway = api.gateway or make_gateway(api.environment)
    for number in range(8):
        another = make_api(gateway, name=f"api-{number}", base_path=f"/{number}")
        Shipper(another).ship(failed(another, 5))

    assert {path: asked(path) for path in paths} == few
