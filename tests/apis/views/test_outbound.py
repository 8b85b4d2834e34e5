"""The outbound section of an API's policies, and the form of such a policy."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apis.changes import upstreams
from apis.changes.policies import apply_policy
from apis.desired import DesiredRoute, DesiredUpstream
from apis.models import ApiInstance, PolicyBinding
from console.models import Role
from tests.apis.views.pages import Place, allow, make_place, make_saved_api, text

pytestmark = pytest.mark.django_db

BREAKER = {"thresholds": {"maxRequests": 5}}


@pytest.fixture
def api(place: Place) -> ApiInstance:
    two = [DesiredUpstream("http://one:8080/", "one", 50), DesiredUpstream("http://two:8080/", "", 50)]
    return make_saved_api(place, routes=[DesiredRoute(upstreams=two)])


def applied(place: Place, api: ApiInstance, **fields: object) -> PolicyBinding:
    chosen = fields.pop("upstreams", None) or [one.pk for one in api.upstreams.all()]
    return apply_policy(place.user, api, "circuit-breaker", BREAKER, upstreams=chosen, **fields)  # type: ignore[arg-type]


def test_section_says_what_acts_on_which_upstream(place: Place, api: ApiInstance) -> None:
    applied(place, api, label="shared")
    spare = upstreams.add(place.user, api, DesiredUpstream("http://spare:8080/", "spare"))
    applied(place, api, upstreams=[spare.pk])

    page = text(place.client.get(f"/apis/{api.pk}/policies"))

    section = page[page.index("Outbound policies") :]
    assert "Requests under way: 5" in section
    assert "shared" in section
    assert "<code>one</code>" in section
    assert "<code>http://two:8080/</code>" in section
    assert "It does nothing at spare: no route leads there." in section
    assert "Circuit Breaker" not in page[page.index("Inbound policies") : page.index("Outbound policies")]


def test_an_empty_section_says_what_goes_there(place: Place, api: ApiInstance) -> None:
    page = text(place.client.get(f"/apis/{api.pk}/policies"))

    assert "bounds what is under way to an upstream" in page
    assert f"/apis/{api.pk}/policies/add?side=outbound" in page


def test_the_catalog_is_narrowed_to_a_side(place: Place, api: ApiInstance) -> None:
    path = f"/apis/{api.pk}/policies/add"

    both = text(place.client.get(path))
    outbound = text(place.client.get(path, {"side": "outbound"}))
    inbound = text(place.client.get(path, {"side": "inbound"}))

    assert "Circuit Breaker" in both and "Rate Limiting" in both
    assert "Circuit Breaker" in outbound and "Rate Limiting" not in outbound
    assert "Circuit Breaker" not in inbound and "Rate Limiting" in inbound


def test_form_asks_for_upstreams_and_for_nothing_that_cannot_be(place: Place, api: ApiInstance) -> None:
    page = text(place.client.get(f"/apis/{api.pk}/policies/add/circuit-breaker"))

    assert page.count('name="upstreams"') == 2
    assert "one (http://one:8080/)" in page
    assert "Method &amp; resource conditions" not in page
    assert 'name="order"' not in page


def test_form_applies_it_and_edits_it(place: Place, api: ApiInstance) -> None:
    one, two = (str(row.pk) for row in api.upstreams.all())
    path = f"/apis/{api.pk}/policies/add/circuit-breaker"

    place.client.post(path, {"config.thresholds.maxRequests": "5", "upstreams": [one]})
    binding = api.policies.get()
    shown = text(place.client.get(f"/apis/{api.pk}/policies/{binding.pk}"))
    sent = {"config.thresholds.maxRequests": "7", "upstreams": [one, two]}
    place.client.post(f"/apis/{api.pk}/policies/{binding.pk}", sent)

    assert f'value="{one}" checked' in shown
    assert f'value="{two}" checked' not in shown
    binding.refresh_from_db()
    assert [str(pk) for pk in binding.upstreams] == [one, two]
    assert binding.config == {"thresholds": {"maxRequests": 7}}


def test_form_without_an_upstream_says_so_there(place: Place, api: ApiInstance) -> None:
    path = f"/apis/{api.pk}/policies/add/circuit-breaker"

    answer = place.client.post(path, {"config.thresholds.maxRequests": "5", "upstreams": ["no-id"]})

    assert answer.status_code == 422
    assert "name at least one" in text(answer)
    assert not api.policies.exists()


def test_the_only_upstream_is_chosen_beforehand(place: Place) -> None:
    api = make_saved_api(place, "Single")

    page = text(place.client.get(f"/apis/{api.pk}/policies/add/circuit-breaker"))

    assert f'value="{api.upstreams.get().pk}" checked' in page


def test_disabled_enabled_removed_and_brought_back(place: Place, api: ApiInstance) -> None:
    binding = applied(place, api)
    path = f"/apis/{api.pk}/policies"

    place.client.post(f"{path}/{binding.pk}/disable")
    disabled = text(place.client.get(path))
    place.client.post(f"{path}/{binding.pk}/enable")
    place.client.post(f"{path}/{binding.pk}/remove")
    removed = text(place.client.get(path))
    place.client.post(f"{path}/restore")

    assert "Disabled Circuit Breaker." in disabled
    assert "Removed Circuit Breaker." in removed
    assert api.policies.get().upstreams == binding.upstreams


def test_the_lane_is_ordered_without_them(place: Place, api: ApiInstance) -> None:
    first, second = allow(place, api).pk, allow(place, api).pk  # type: ignore[attr-defined]
    applied(place, api)

    place.client.post(f"/apis/{api.pk}/policies/order", {"ids": [second, first], "go": "apply"})

    assert [one.pk for one in api.policies.inbound()] == [second, first]


def test_overview_shows_them_too(place: Place, api: ApiInstance) -> None:
    applied(place, api)

    page = text(place.client.get(f"/apis/{api.pk}"))

    assert "On what is sent to upstreams" in page
    assert "Circuit Breaker" in page


def test_viewers_change_nothing(place: Place, api: ApiInstance) -> None:
    binding = applied(place, api)
    viewer = make_place(Role.Name.VIEWER, environment=place.environment)

    page = text(viewer.client.get(f"/apis/{api.pk}/policies"))

    assert "Circuit Breaker" in page
    assert "Add outbound policy" not in page
    assert viewer.client.post(f"/apis/{api.pk}/policies/{binding.pk}/remove").status_code == 403


def test_queries_do_not_grow_with_policies(place: Place, api: ApiInstance) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            place.client.get(f"/apis/{api.pk}/policies")
        return len(found)

    applied(place, api, upstreams=[api.upstreams.first().pk])  # type: ignore[union-attr]
    queries()
    one = queries()
    for number in range(5):
        row = upstreams.add(place.user, api, DesiredUpstream(f"http://u{number}:8080/"))
        applied(place, api, upstreams=[row.pk])

    assert queries() == one
