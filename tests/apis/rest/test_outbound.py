"""REST: outbound policies, on the upstreams that a body names."""

from typing import Any
from uuid import uuid4

import pytest

from apis.models import ApiInstance
from console.models import Environment
from tests.apis.rest.bodies import policy, refused
from tests.apis.views.pages import make_place, make_saved_api
from tests.rest import Rest

pytestmark = pytest.mark.django_db

BREAKER = {"thresholds": {"maxRequests": 5}}


@pytest.fixture
def api(environment: Environment) -> ApiInstance:
    return make_saved_api(make_place(environment=environment))


def breaker(api: ApiInstance, **fields: Any) -> dict[str, Any]:
    upstream = str(api.upstreams.earliest("created_at").pk)
    body = {"assetId": "circuit-breaker", "configurationData": BREAKER, "upstreamIds": [upstream]}
    return body | fields


def outbound(api: ApiInstance) -> str:
    return f"AMX/apis/{api.pk}/policies/outbound-policies"


def test_applied_as_terraform_does(rest: Rest, api: ApiInstance) -> None:
    made = rest("POST", f"{outbound(api)}?allowDuplicated=true", breaker(api))

    assert made.status_code == 201, made.data
    assert made.data["upstreamIds"] == breaker(api)["upstreamIds"]
    assert (made.data["order"], made.data["pointcutData"]) == (None, None)
    assert rest("GET", f"AM/{api.pk}/policies?fullInfo=false").data == [made.data]
    (active,) = rest("GET", f"AM/{api.pk}/policies").data["policies"]
    assert (active["upstreamIds"], active["order"]) == (made.data["upstreamIds"], None)


def test_applied_as_the_command_line_does(rest: Rest, api: ApiInstance) -> None:
    body = breaker(api, upstreamId=str(api.upstreams.get().pk), apiVersionId=str(api.pk))
    del body["upstreamIds"]

    made = rest("POST", f"AM/{api.pk}/policies", body)

    assert made.status_code == 201, made.data
    assert len(made.data["upstreamIds"]) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"upstreamIds": None},
            "upstreamIds: Circuit Breaker acts on requests to upstreams; name at least one",
        ),
        ({"upstreamIds": []}, "name at least one"),
        ({"upstreamIds": [str(uuid4())]}, "not found"),
        ({"upstreamIds": ["a"]}, "upstreamIds"),
        ({"pointcutData": [{"methodRegex": "GET"}]}, "holds for the whole upstream"),
        ({"order": 1}, "Outbound policies have no order"),
        ({"mode": "observe"}, "cannot observe"),
        ({"configurationData": {"thresholds": {}}}, "configurationData.thresholds"),
    ],
)
@pytest.mark.parametrize("is_outbound", [True, False])
def test_what_cannot_act_is_refused(
    rest: Rest, api: ApiInstance, is_outbound: bool, fields: dict[str, Any], words: str
) -> None:
    path = outbound(api) if is_outbound else f"AM/{api.pk}/policies"

    refused(rest("POST", path, breaker(api, **fields)), 400, words)

    assert not api.policies.exists()


def test_each_side_refuses_what_is_the_others(rest: Rest, api: ApiInstance) -> None:
    upstream = str(api.upstreams.get().pk)

    inbound_there = rest("POST", outbound(api), policy(upstreamIds=[upstream]))
    inbound_with_upstreams = rest("POST", f"AM/{api.pk}/policies", policy(upstreamIds=[upstream]))

    refused(inbound_there, 400, "send it to the API's policies")
    refused(inbound_with_upstreams, 400, "upstreamIds", "leave the upstreams out")


def test_edited_disabled_and_removed(rest: Rest, api: ApiInstance) -> None:
    made = rest("POST", outbound(api), breaker(api)).data
    one = f"AM/{api.pk}/policies/{made['id']}"

    edited = rest("PATCH", one, {"configurationData": {"thresholds": {"maxRetries": 0}}})
    moved = rest("PATCH", one, {"upstreamIds": []})

    assert edited.data["configurationData"] == {"thresholds": {"maxRetries": 0}}
    assert edited.data["upstreamIds"] == made["upstreamIds"]
    refused(moved, 400, "name at least one")
    refused(rest("PATCH", one, {"order": 2}), 400, "no order")
    assert rest("PATCH", one, {"disabled": True}).data["disabled"] is True
    assert rest("DELETE", one).status_code == 204


def test_it_is_on_an_upstream_once(rest: Rest, api: ApiInstance) -> None:
    rest("POST", outbound(api), breaker(api))

    refused(rest("POST", f"{outbound(api)}?allowDuplicated=true", breaker(api)), 409, "can be there once")


def test_the_order_is_of_inbound_ones(rest: Rest, api: ApiInstance) -> None:
    rest("POST", outbound(api), breaker(api))
    first = rest("POST", f"AM/{api.pk}/policies", policy()).data["id"]

    ordered = rest("PATCH", f"AM/{api.pk}/policies", [{"id": first, "order": 1}])

    assert ordered.status_code == 200, ordered.data
    assert sorted(one["order"] or 0 for one in ordered.data) == [0, 1]


def test_an_upstream_is_not_deleted_from_under_it(rest: Rest, api: ApiInstance) -> None:
    row = rest("POST", f"AM/{api.pk}/upstreams", {"uri": "http://spare:8080/"}).data["id"]
    rest("POST", outbound(api), breaker(api, upstreamIds=[row]))

    refused(rest("DELETE", f"AM/{api.pk}/upstreams/{row}"), 409, "Circuit Breaker acts on")


def test_the_catalog_says_which_are_outbound(rest: Rest, environment: Environment) -> None:
    base = f"/apimanager/api/v1/organizations/{environment.organization_id}/policy-templates"

    points = {one["id"]: one["injectionPoint"] for one in rest("GET", base).data}

    assert (points["circuit-breaker"], points["rate-limiting"]) == ("outbound", "inbound")
