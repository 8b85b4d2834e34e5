"""What is sound and probably not meant is said where it is written: on pages and over REST."""

from dataclasses import replace

import pytest

from apis.changes.instances import edit_api
from apis.changes.policies import apply_policy
from apis.desired import DesiredRoute, DesiredUpstream, desired_of
from apis.models import PolicyBinding
from console.models import Role
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.factories import make_api, make_environment, make_gateway, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db

LIMITS = {"rateLimits": [{"maximumRequests": 3, "timePeriodInMilliseconds": 60000}]}
LIMIT = {
    "config.rateLimits": ["0"],
    "config.rateLimits.0.maximumRequests": "100",
    "config.rateLimits.0.timePeriodInMilliseconds": "60000",
}


def text(response: object) -> str:
    return response.content.decode().replace("&#x27;", "'")  # type: ignore[attr-defined]


@pytest.fixture
def place() -> Place:
    return make_place()


def condition(path: str) -> dict[str, object]:
    return {
        "applies": "some",
        "conditions": ["0"],
        "conditions.0.uriTemplateRegex": path,
        "conditions.0.methodRegex": "",
    }


def test_a_policy_that_is_not_what_it_looks_like_is_saved_and_said(place: Place) -> None:
    api = make_saved_api(place)
    form = {**LIMIT, **condition("/items/{id}"), "config.keySelector": "client_id"}

    saved = place.client.post(f"/apis/{api.pk}/policies/add/rate-limiting", form, follow=True)
    binding = PolicyBinding.objects.get(api=api)
    page = text(place.client.get(f"/apis/{api.pk}/policies/{binding.pk}"))

    assert "2 of its settings may not do what you mean" in text(saved)
    assert "Condition on the path: is taken as /items/[^/]+: what stands in braces is one segment" in text(
        saved
    )
    assert "Count separately by: is one text for all requests" in text(saved)
    assert "Is taken as /items/[^/]+: what stands in braces is one segment of the path." in page
    assert "Is one text for all requests" in page
    assert binding.conditions == [{"uriTemplateRegex": "/items/{id}"}]


def test_a_sound_policy_is_shown_without_warnings(place: Place) -> None:
    api = make_saved_api(place)
    form = {**LIMIT, **condition("/items/.*"), "config.keySelector": "#[attributes.remoteAddress]"}

    saved = place.client.post(f"/apis/{api.pk}/policies/add/rate-limiting", form, follow=True)

    assert 'class="warning"' not in text(saved)
    assert "may not do" not in text(saved)


def test_the_base_path_repeated_is_said_in_a_condition_and_a_route(place: Place) -> None:
    api = make_saved_api(place)
    apply_policy(
        place.user, api, "rate-limiting", LIMITS, conditions=[{"uriTemplateRegex": f"{api.base_path}/x"}]
    )
    upstreams = [DesiredUpstream("http://backend:8080/")]
    routes = [DesiredRoute(upstreams=upstreams), DesiredRoute(path=f"{api.base_path}/y", upstreams=upstreams)]
    edit_api(place.user, api, replace(desired_of(api), routes=routes))

    lane = text(place.client.get(f"/apis/{api.pk}/policies"))
    page = text(place.client.get(f"/apis/{api.pk}/routes"))

    assert f"path: begins with the base path {api.base_path}, which is taken off before; write /x." in lane
    assert "which is taken off before; write /y." in page
    assert "Gets no request: route 1 takes them all" in page


def test_rest_warns_in_a_header_and_keeps_its_shapes() -> None:
    environment = make_environment()
    user = make_user()
    make_role(user, environment.organization, Role.Name.MANAGER)
    api = make_api(make_gateway(environment), base_path="/shop")
    rest = Rest(user, environment)

    plain = rest("POST", f"AM/{api.pk}/policies", {"assetId": "rate-limiting", "configurationData": LIMITS})
    warned = rest(
        "PATCH",
        f"AM/{api.pk}/policies/{plain.data['id']}",
        {
            "configurationData": {**LIMITS, "keySelector": 'a"é'},
            "pointcutData": [{"uriTemplateRegex": "/shop/{id}"}],
        },
    )

    assert (plain.status_code, warned.status_code) == (201, 200)
    assert "Warning" not in plain.headers
    assert warned.data.keys() == plain.data.keys()
    said = warned.headers["Warning"].split(", 299 ")
    assert said[0].startswith('299 gatewright "configurationData.keySelector: Is one text')
    assert "pointcutData.0.uriTemplateRegex: Is taken as /shop/[^/]+" in said[1]
    assert "Begins with the base path /shop" in said[2]


def test_a_group_that_is_joined_to_the_upstreams_path_is_said_by_page_and_rest(place: Place) -> None:
    api = make_saved_api(place)
    routes = [DesiredRoute(path="/v1/(.*)", upstreams=[DesiredUpstream("http://backend:8080/orders")])]
    edit_api(place.user, api, replace(desired_of(api), routes=routes))
    rest = Rest(place.user, api.environment)

    page = text(place.client.get(f"/apis/{api.pk}/routes"))
    said = rest("PATCH", f"AM/{api.pk}", {"instanceLabel": "glued"}).headers["Warning"]
    upstream = api.upstreams.get()
    changed = rest("PATCH", f"AM/{api.pk}/upstreams/{upstream.pk}", {"label": "b"}).headers["Warning"]
    mended = rest("PATCH", f"AM/{api.pk}/upstreams/{upstream.pk}", {"uri": "http://backend:8080/orders/"})

    assert "Loses the slash before a group" in page
    assert "write /v1(/.*)" in page
    assert said.startswith('299 gatewright "routing.0.rules.path: Loses the slash before a group')
    assert "routing.0.rules.path: Loses the slash" in changed
    assert "Warning" not in mended.headers
