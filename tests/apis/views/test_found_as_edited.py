"""What the linter finds of routes and of a policy as they stand in their forms, before anything is saved."""

import re

import pytest

from apis.changes.policies import apply_policy
from apis.desired import DesiredRoute, DesiredUpstream
from apis.models import ApiInstance, PolicyBinding, Route
from console.models import Role
from tests.apis.views.pages import Place, make_place, make_saved_api, text

pytestmark = pytest.mark.django_db

BASIC = {"username": "ann", "password": "of-ann"}
LIMIT = {"rateLimits": [{"maximumRequests": 5, "timePeriodInMilliseconds": 60000}]}
TYPED = {
    "config.rateLimits": ["0"],
    "config.rateLimits.0.maximumRequests": "5",
    "config.rateLimits.0.timePeriodInMilliseconds": "60000",
    "applies": "all",
}
ROUTES = {
    "protocol": "http",
    "port": "8081",
    "base_path": "/orders",
    "mode": "routes",
    "routes": ["0", "1"],
    "routes.0.path": "/a.*",
    "routes.0.upstreams": ["0"],
    "routes.0.upstreams.0.uri": "http://backend:8080/",
    "routes.0.upstreams.0.weight": "100",
    "routes.1.path": "/a/b",
    "routes.1.upstreams": ["0"],
    "routes.1.upstreams.0.uri": "http://backend:8080/",
    "routes.1.upstreams.0.weight": "100",
}


def found_in(response: object) -> str:
    (part,) = re.findall(r'id="edited-findings".*?</div>', text(response), re.DOTALL)
    return part


def typed(place: Place, api: ApiInstance, sent: dict[str, object]) -> str:
    headers = {"HX-Request": "true", "HX-Target": "edited-findings"}
    return found_in(place.client.post(f"/apis/{api.pk}/routes", sent, headers=headers))


def test_a_new_policy_is_judged_where_it_would_stand(place: Place) -> None:
    api = make_saved_api(place)
    apply_policy(place.user, api, "http-basic-authentication", BASIC)
    path = f"/apis/{api.pk}/policies/add/rate-limiting/yaml"

    usual = found_in(place.client.post(path, TYPED))
    first = found_in(place.client.post(path, TYPED | {"order": "1"}))

    assert "counts requests of strangers" not in usual
    assert "Rate Limiting counts requests of strangers, too" in first
    assert PolicyBinding.objects.count() == 1


def test_what_a_policy_brings_about_elsewhere_and_what_it_ends_is_told(place: Place) -> None:
    api = make_saved_api(place)
    apply_policy(place.user, api, "rate-limiting", LIMIT)
    path = f"/apis/{api.pk}/policies/add/http-basic-authentication/yaml"

    found = found_in(
        place.client.post(
            path, {"config.username": "ann", "config.password": "x", "applies": "all", "order": "2"}
        )
    )

    assert "takes credentials over HTTP" in found
    assert "Rate Limiting counts requests of strangers, too" in found
    assert re.search(r"No longer so: .*asks nobody who they are", found)


def test_a_form_that_is_not_whole_is_not_judged(place: Place) -> None:
    api = make_saved_api(place)
    path = f"/apis/{api.pk}/policies/add/rate-limiting/yaml"

    found = found_in(place.client.post(path, TYPED | {"config.rateLimits.0.maximumRequests": "many"}))

    assert "once nothing is missing in the form" in found


def test_routes_are_judged_as_they_are_typed(place: Place) -> None:
    api = make_saved_api(place)

    found = typed(place, api, ROUTES)
    mended = typed(place, api, ROUTES | {"routes.0.path": "/c"})
    far = typed(place, api, ROUTES | {"routes.0.upstreams.0.uri": "http://api.example.com/"})

    assert "Route 2 gets no request: route 1 takes them all" in found
    assert "gets no request" not in mended
    assert "is reached without TLS, and api.example.com may be on another network" in far
    assert Route.objects.filter(api=api).count() == 1


def test_routes_whose_upstream_has_no_address_yet_are_not_judged(place: Place) -> None:
    api = make_saved_api(place)
    empty = {"routes.0.upstreams.1.uri": "", "routes.0.upstreams.1.weight": "0"}

    assert "once nothing is missing" in typed(place, api, ROUTES | empty | {"routes.0.upstreams": ["0", "1"]})


def test_a_route_that_would_no_longer_be_found_is_told(place: Place) -> None:
    to = [DesiredUpstream("http://backend:8080/")]
    api = make_saved_api(
        place, routes=[DesiredRoute(path="/a.*", upstreams=to), DesiredRoute(path="/a/b", upstreams=to)]
    )

    same, mended = typed(place, api, ROUTES), typed(place, api, ROUTES | {"routes.1.path": "/c"})

    assert "No longer so" not in same
    assert "No longer so: Route 2 gets no request" in mended


def test_where_it_listens_counts_for_its_policies(place: Place) -> None:
    api = make_saved_api(place)
    apply_policy(place.user, api, "http-basic-authentication", BASIC)

    found = typed(place, api, ROUTES | {"consumer_endpoint": "https://api.example.com/orders"})

    assert re.search(r"No longer so: .*takes credentials over HTTP", found)


def test_viewers_are_told_nothing_of_what_they_may_not_edit(place: Place) -> None:
    api = make_saved_api(place)
    viewer = make_place(Role.Name.VIEWER, place.environment)

    answer = viewer.client.post(f"/apis/{api.pk}/routes", ROUTES, headers={"HX-Target": "edited-findings"})

    assert answer.status_code == 403
    assert "gets no request" not in text(answer)
