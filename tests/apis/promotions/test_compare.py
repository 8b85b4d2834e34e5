"""Two environments side by side."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apis.assets.models import Asset
from apis.changes import policies, terms
from apis.changes.instances import edit_api
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, Upstream
from apis.promotions import promoting
from apis.promotions.choices import proposed
from apis.promotions.compare import compared
from tests.apis.changes.test_copies import make_whole
from tests.apis.promotions.test_promoting import production, promoted
from tests.apis.views.pages import make_place, make_saved_api, text
from tests.factories import make_environment, make_secret, make_secret_group, make_tier

pytestmark = pytest.mark.django_db


def test_what_was_promoted_is_the_same_whatever_its_upstreams_are_called() -> None:
    place = make_place()
    api, environment = make_whole(place), production(place)
    made = promoted(place, api, environment)
    make_saved_api(place, "Alone", base_path="/alone")

    both = {one.any.name: one for one in compared(place.environment, environment)}
    back = {one.any.name: one for one in compared(environment, place.environment)}

    assert {name: one.state for name, one in both.items()} == {"Alone": "here", "Orders": "same"}
    assert {name: one.state for name, one in back.items()} == {"Alone": "there", "Orders": "same"}
    assert both["Orders"].there and both["Orders"].there.pk == made.pk


def test_a_shared_secret_that_is_called_otherwise_is_the_same_where_a_promotion_has_it_so() -> None:
    place = make_place()
    api, environment = make_saved_api(place), production(place)
    make_secret(make_secret_group(place.environment, name="default"), name="database")
    live = make_secret_group(environment, name="live")
    make_secret(live, name="database")
    make_secret(live, name="other")
    config = {"username": "ann", "password": "${secret:database}"}
    policies.apply_policy(place.user, api, "http-basic-authentication", config)
    choices = proposed(place.user, api, environment, None)
    made = promoting.promote(
        place.user, api, replace(choices, shared={"default/database": "live/database"})
    ).api

    assert compared(place.environment, environment)[0].state == "same"
    assert compared(environment, place.environment)[0].state == "same"
    binding = made.policies.get()
    policies.edit_policy(place.user, binding, {**binding.config, "password": "${secret:live/other}"})
    assert compared(place.environment, environment)[0].differs == ("policies",)


@pytest.mark.parametrize("part", ["routes", "policies", "tiers", "terms", "settings"])
def test_it_is_told_in_what_they_differ(part: str) -> None:
    place = make_place()
    api, environment = make_whole(place), production(place)
    made = promoted(place, api, environment)
    if part == "routes":
        edit_api(place.user, made, lambda it: replace(it, routes=it.routes[:1]))
    elif part == "policies":
        made.policies.filter(policy="ip-allowlist").update(is_disabled=True)
    elif part == "tiers":
        make_tier(made, name="Gold")
    elif part == "terms":
        terms.of_api(place.user, api, "Pay in time.")
    else:
        edit_api(place.user, made, lambda it: replace(it, tags=["z"]))

    [pair] = compared(place.environment, environment)
    assert pair.differs == (part,)
    promoting.promote(place.user, api, proposed(place.user, api, environment, made))
    assert compared(place.environment, environment)[0].state == "same"


def fill(environment: Any, start: int, end: int) -> None:
    organization = environment.organization
    for number in range(start, end):
        Asset.objects.get_or_create(organization=organization, asset_id=f"a-{number}", name=f"A {number:05}")
    assets = Asset.objects.filter(organization=organization, asset_id__startswith="a-").order_by("name")
    apis = ApiInstance.objects.bulk_create(
        ApiInstance(environment=environment, asset=asset, base_path=f"/{asset.asset_id}")
        for asset in assets[start:end]
    )
    routes = Route.objects.bulk_create(Route(api=api, position=0) for api in apis)
    upstreams = Upstream.objects.bulk_create(Upstream(api=api, uri="http://backend") for api in apis)
    RouteUpstream.objects.bulk_create(
        RouteUpstream(route=route, upstream=upstream)
        for route, upstream in zip(routes, upstreams, strict=True)
    )
    PolicyBinding.objects.bulk_create(
        PolicyBinding(api=api, policy="ip-blocklist", config={"ips": ["10.0.0.0/8"]}, order=1) for api in apis
    )


def test_many_are_compared_in_as_many_queries_as_few() -> None:
    place = make_place()
    other = make_environment(place.environment.organization, name="Other")
    counts = []
    for start, end in ((0, 3), (3, 60)):
        fill(place.environment, start, end)
        fill(other, start, end)
        with CaptureQueriesContext(connection) as found:
            assert len(compared(place.environment, other)) == end
        counts.append(len(found))
    assert counts[0] == counts[1]


def test_the_page_lists_filters_and_leads_to_promotion() -> None:
    place = make_place()
    api, environment = make_whole(place), production(place)
    make_saved_api(place, "Alone", base_path="/alone")
    promoted(place, api, environment)

    page = text(place.client.get("/apis/compare"))
    only = text(place.client.get("/apis/compare?state=here"))
    none = text(place.client.get("/apis/compare?q=nothing-like-it"))
    viewer = make_place("viewer", place.environment)

    assert "1 only in" in page and "The same" in page
    assert "/promote?environment=" in only and "Orders" not in only.partition("<table")[2]
    assert "/promote?environment=" not in none
    assert "/promote?environment=" not in text(viewer.client.get("/apis/compare"))
