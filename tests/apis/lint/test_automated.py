"""Automated policies count among those that run on an API, for what is found in it."""

import pytest

from apis.automated.models import AutomatedPolicy
from apis.changes.policies import apply_policy
from apis.lint.findings import findings
from tests.apis.views.pages import make_place, make_saved_api

pytestmark = pytest.mark.django_db
BASIC = {"username": "ann", "password": "of-ann"}
LIMITS = {"rateLimits": [{"maximumRequests": 3, "timePeriodInMilliseconds": 60000}]}


def test_an_automated_policy_asks_who_calls_and_is_passed_first() -> None:
    place = make_place()
    api = make_saved_api(place)
    kept = {"environment": place.environment, "policy": "http-basic-authentication", "config": BASIC}
    AutomatedPolicy.objects.create(order=1, **kept)
    apply_policy(place.user, api, "rate-limiting", LIMITS)

    (one,) = findings(api).told

    assert one.code == "credentials-in-clear"
    assert one.place.path.startswith("/")
    assert one.message.startswith("Automated policy Basic Authentication: Simple takes credentials over HTTP")


def test_one_that_rests_is_not_judged_among_those_that_run() -> None:
    place = make_place()
    api = make_saved_api(place)
    apply_policy(place.user, api, "rate-limiting", {"rateLimits": LIMITS["rateLimits"] * 2})
    assert "limit-never-fires" in [one.code for one in findings(api).told]

    AutomatedPolicy.objects.create(
        order=1, environment=place.environment, policy="rate-limiting", config=LIMITS
    )

    assert [one.code for one in findings(api).told] == ["no-authentication"]
