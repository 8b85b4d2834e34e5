import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from analytics.metrics import ONE
from apis.models import ApiInstance
from console.models import AccessToken, User, digest
from tests.analytics.traffic import NOW, Shipper, count, sample
from tests.factories import make_api, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


def ask(user: User, api: ApiInstance, query: str = "", /, **ids: Any) -> Any:
    token = f"token-of-{user.pk}"
    AccessToken.objects.get_or_create(
        token_hash=digest(token), defaults={"user": user, "expires_at": timezone.now() + timedelta(hours=1)}
    )
    organization = ids.get("organization", api.environment.organization_id)
    environment = ids.get("environment", api.environment_id)
    return Client().get(
        f"/analytics/api/v1/organizations/{organization}/environments/{environment}"
        f"/apis/{ids.get('api', api.pk)}/{ids.get('end', 'summary')}{query}",
        headers={"Authorization": f"Bearer {token}"},
    )


@pytest.fixture
def api() -> ApiInstance:
    return make_api()


@pytest.fixture
def viewer(api: ApiInstance) -> User:
    user = make_user()
    make_role(user, api.environment.organization, "viewer")
    return user


def test_the_summary_has_exactly_its_fields(viewer: User, api: ApiInstance) -> None:
    Shipper(api).ship(
        count(api, 96, us=10_000),
        count(api, 4, us=200_000, status=502, service=f"{api.resource_name}-0123abcd"),
        count(api, 10, us=500, status=429, policy="rate-limiting"),
        count(api, 3, failure="cut", failure_detail="closed", upstream_host="10.0.0.7:80"),
        count(api, 2, status=0, upstream={}),
        count(api, 1, status=101),
    )

    response = ask(viewer, api, "?minutes=60")

    body = response.json()
    latency = body.pop("latency_ms")
    asked = [(one["key"], one["name"], one["requests"], one["failed"]) for one in body.pop("upstreams")]
    untold = "Not told: gateways of an older release"
    assert asked == [("", untold, 110, 13), ("0123abcd", "A former upstream", 4, 4)]
    assert body == {
        "requests": 116,
        "violations": 10,
        "would_refuse": [],
        "status": {"2xx": 96, "3xx": 0, "4xx": 10, "5xx": 4, "1xx": 1, "cut": 3, "left": 2},
        "failures": [
            {
                "reason": "cut",
                "detail": "closed",
                "upstream": "10.0.0.7:80",
                "words": "answers of 10.0.0.7:80 are cut in the middle (the connection was closed)",
                "requests": 3,
            }
        ],
        "failing": None,
    }
    assert sum(body["status"].values()) == body["requests"]
    assert latency["p50"] == pytest.approx(10, rel=0.05)
    assert latency["p95"] == pytest.approx(10, rel=0.05)
    assert latency["p99"] == pytest.approx(200, rel=0.05)


def test_without_traffic_the_latencies_are_null(viewer: User, api: ApiInstance) -> None:
    body = ask(viewer, api).json()

    assert body == {
        "requests": 0,
        "violations": 0,
        "would_refuse": [],
        "status": dict.fromkeys(["2xx", "3xx", "4xx", "5xx", "1xx", "cut", "left"], 0),
        "failures": [],
        "upstreams": [],
        "failing": None,
        "latency_ms": {"p50": None, "p95": None, "p99": None},
    }


def test_minutes_choose_how_far_back(viewer: User, api: ApiInstance) -> None:
    now = int(time.time())
    ages = ((1, 0), (10, 1800), (100, 3 * 3600))
    Shipper(api).ship(*(count(api, requests, at=now - age) for requests, age in ages))

    asked = {minutes: ask(viewer, api, f"?minutes={minutes}").json()["requests"] for minutes in (5, 60, 300)}

    assert asked == {5: 1, 60: 11, 300: 111}


@pytest.mark.parametrize("minutes", ["0", "-5", "x", "", "1.5", "99999999", "1e3"])
def test_bad_minutes_are_a_clear_400(viewer: User, api: ApiInstance, minutes: str) -> None:
    response = ask(viewer, api, f"?minutes={minutes}")

    assert response.status_code == 400
    assert "minutes" in response.json()["message"]
    assert response.json()["errors"]


def test_what_the_caller_may_not_see_is_not_found(viewer: User, api: ApiInstance) -> None:
    other = make_api()

    assert ask(viewer, other).status_code == 404
    assert ask(viewer, api, api=other.pk).status_code == 404
    assert ask(viewer, api, api=other.pk).json()["message"] == f"API {other.pk} not found."
    assert ask(viewer, api, environment=other.environment_id).status_code == 404
    assert ask(viewer, api, organization=other.environment.organization_id).status_code == 404


def test_a_caller_without_a_token_is_refused(api: ApiInstance) -> None:
    environment = api.environment
    path = f"/analytics/api/v1/organizations/{environment.organization_id}/environments/{environment.pk}"

    assert Client().get(f"{path}/apis/{api.pk}/summary").status_code == 401


def test_single_requests_say_why_they_failed(viewer: User, api: ApiInstance) -> None:
    failed = {"failure": "dns_failure", "upstream_host": "orders.internal:80", "status": 503}
    Shipper(api).ship(samples=(sample(api, at=NOW - 2.0, total_us=1500), sample(api, path="/why", **failed)))

    every = ask(viewer, api, end="requests").json()
    (why,) = ask(viewer, api, "?failed=true", end="requests").json()

    assert [one["path"] for one in every] == ["/why", "/orders/1"]
    assert (every[1]["failure"], every[1]["reason"]) == (None, "")
    assert [one["total_ms"] for one in every] == [None, 1.5]
    assert (why["reason"], why["status"]) == ("dns_failure", 503)
    assert why["failure"] == "orders.internal:80 does not resolve to an address"
    assert ask(viewer, api, "?limit=0", end="requests").status_code == 400
    assert ask(make_user(), api, end="requests").status_code == 404


def test_requests_are_counted_as_the_sdk_of_anypoint_asks(viewer: User, api: ApiInstance) -> None:
    Shipper(api).ship(count(api, 7))
    now, rest = int(time.time() * 1000), Rest(viewer)
    place = (api.environment.organization_id, api.environment_id, api.pk)

    def told(*ends: int, place: tuple[Any, ...] = place) -> Any:
        return rest("POST", "/observability/api/v1/metrics:search", {"query": ONE.format(*place, *ends)})

    assert told(now - 60_000, now + 60_000).data == {"data": [{"COUNT(requests)": 7}]}
    assert told(0, 1).data == {"data": [{"COUNT(requests)": 0}]}
    assert "timerange is too large" in told(0, now).data["message"]
    assert told(now, 10**14).status_code == 400
    assert told(1, 2, place=(*place[:2], api.pk + 1)).status_code == 404
    assert told(1, 2, place=(*place[:2], "1' OR '1'='1")).status_code == 400
    assert told(1, 2, place=("-" * 36, *place[1:])).status_code == 400
    stranger = Rest(make_user())
    path, query = "/observability/api/v1/metrics:search", {"query": ONE.format(*place, 1, 2)}
    assert stranger("POST", path, query).status_code == 404
