"""What the linter finds of an automated policy as it stands in its form, in APIs that it covers."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apis.automated.models import AutomatedPolicy
from apis.changes.policies import apply_policy
from apis.views.automated_impact import MOST_LOOKED_AT
from console.models import Role
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.apis.views.test_found_as_edited import found_in
from tests.factories import make_automated, make_policy_set

pytestmark = pytest.mark.django_db
BASIC = {"username": "ann", "password": "of-ann"}
LIMITS = {"rateLimits": [{"maximumRequests": 5, "timePeriodInMilliseconds": 60000}]}
LIMIT = {
    "config.rateLimits": ["0"],
    "config.rateLimits.0.maximumRequests": "5",
    "config.rateLimits.0.timePeriodInMilliseconds": "60000",
    "applies": "all",
    "rule.covers": "all",
    "rule.conflicts": "wins",
}
SOME = {"rule.covers": "some", "rule.tags": ["eu"]}
ASKS = "asks nobody who they are"
STRANGERS = "counts requests of strangers, too"


def found(place: Place, path: str, sent: dict[str, object]) -> str:
    return found_in(place.client.post(f"/apis/automated/{path}/impact", sent))


def test_a_new_one_is_judged_where_it_would_run_and_tells_in_which_apis(place: Place) -> None:
    apply_policy(place.user, make_saved_api(place), "http-basic-authentication", BASIC)
    make_saved_api(place, "Payments")

    told = found(place, "add/rate-limiting", LIMIT)

    assert re.search(rf"Automated policy Rate Limiting {STRANGERS}.*?In Orders v1:\d+\.", told, re.DOTALL)
    assert 'hx-swap-oob="true"' in told
    assert not AutomatedPolicy.objects.exists()


def test_only_apis_that_the_rule_covers_are_looked_at(place: Place) -> None:
    apply_policy(place.user, make_saved_api(place), "http-basic-authentication", BASIC)
    make_saved_api(place, "Payments", tags=["eu"])

    assert STRANGERS not in found(place, "add/rate-limiting", LIMIT | SOME)
    assert STRANGERS in found(place, "add/rate-limiting", LIMIT)
    nothing = found(place, "add/rate-limiting", LIMIT | SOME | {"rule.tags": ["us"]})
    assert "covers no API that could be looked at" in nothing


def test_what_it_brings_about_in_an_api_and_what_it_ends_is_told(place: Place) -> None:
    make_saved_api(place)
    sent = {"config.username": "ann", "config.password": "x", "applies": "all", "rule.covers": "all"}

    told = found(place, "add/http-basic-authentication", sent)

    assert "takes credentials over HTTP" in told
    assert re.search(rf"No longer so: .*{ASKS}.*In Orders", told)


def test_one_that_is_saved_is_judged_in_its_place(place: Place) -> None:
    make_saved_api(place)
    limit = make_automated(place.environment, policy="rate-limiting", config=LIMITS, order=1)
    make_automated(place.environment, policy="http-basic-authentication", config=BASIC, order=2)

    before = found(place, str(limit.pk), LIMIT)
    AutomatedPolicy.objects.filter(pk=limit.pk).update(order=3)

    assert STRANGERS in before
    assert STRANGERS not in found(place, str(limit.pk), LIMIT)
    limit.refresh_from_db()
    assert limit.tags == []


def test_an_api_that_it_would_no_longer_cover_tells_what_is_no_longer_so(place: Place) -> None:
    apply_policy(place.user, make_saved_api(place), "http-basic-authentication", BASIC)
    limit = make_automated(place.environment, policy="rate-limiting", config=LIMITS)

    told = found(place, str(limit.pk), LIMIT | SOME)

    assert re.search(rf"No longer so: .*{STRANGERS}.*In Orders", told)


def test_a_form_that_is_not_whole_is_not_judged(place: Place) -> None:
    make_saved_api(place)

    wrong = found(place, "add/rate-limiting", LIMIT | {"config.rateLimits.0.maximumRequests": "many"})
    unsaid = found(place, "add/rate-limiting", LIMIT | {"rule.covers": "some"})

    assert "once nothing is missing in the form" in wrong
    assert "once nothing is missing in the form" in unsaid


def test_one_of_a_set_is_judged_in_the_apis_that_have_the_set(place: Place) -> None:
    apply_policy(place.user, make_saved_api(place), "http-basic-authentication", BASIC)
    other = make_saved_api(place, "Payments")
    own = make_policy_set(place.environment, apis=[other.pk])

    page = text(place.client.post(f"/apis/automated/add/rate-limiting/impact?set={own.pk}", LIMIT))

    assert STRANGERS not in page


def test_many_apis_are_looked_at_in_part_and_at_no_more_queries(place: Place) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            found(place, "add/rate-limiting", LIMIT)
        return len(asked)

    for number in range(2):
        make_saved_api(place, f"Orders-{number}")
    queries()
    few = queries()
    for number in range(2, MOST_LOOKED_AT + 3):
        make_saved_api(place, f"Orders-{number}")

    assert queries() == few
    told = found(place, "add/rate-limiting", LIMIT)
    assert f"Looked at: {MOST_LOOKED_AT} of the {MOST_LOOKED_AT + 3} APIs" in told


def test_the_page_asks_for_it_as_it_opens(place: Place) -> None:
    make_saved_api(place)

    page = text(place.client.get("/apis/automated/add/rate-limiting"))

    assert 'id="edited-findings"' in page and 'hx-trigger="load, follow delay:400ms"' in page


def test_viewers_are_told_nothing(place: Place) -> None:
    limit = make_automated(place.environment, policy="rate-limiting", config=LIMITS)
    viewer = make_place(Role.Name.VIEWER, place.environment)

    assert viewer.client.post(f"/apis/automated/{limit.pk}/impact", LIMIT).status_code == 403
    assert "edited-findings" not in text(viewer.client.get(f"/apis/automated/{limit.pk}/edit"))
