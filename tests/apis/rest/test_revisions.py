"""REST: what was deployed of an API, two revisions compared, and the way back."""

from typing import Any

import pytest

from apis.models import ApiInstance
from console.models import Environment, Role
from gateways.models import Gateway
from tests.apis.rest.bodies import LIMITS, refused, terraform
from tests.apis.views.test_deployments import carried, now
from tests.factories import make_replica, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(rest: Rest, gateway: Gateway) -> ApiInstance:
    body = terraform(gateway) | {"deployment": {"targetId": str(gateway.pk), "expectedStatus": "deployed"}}
    made = rest("POST", "AM", body)
    assert made.status_code == 201, made.data
    return ApiInstance.objects.get(pk=made.data["id"])


def limit(rest: Rest, api: ApiInstance) -> None:
    body = {"policyTemplateId": "rate-limiting", "configurationData": LIMITS}
    made = rest("POST", f"AM/{api.pk}/policies", body | {"assetId": "rate-limiting"})
    assert made.status_code == 201, made.data


def test_deployments_tell_who_what_and_what_came_of_it(
    rest: Rest, api: ApiInstance, gateway: Gateway
) -> None:
    replica = make_replica(gateway, name="one")
    first = now(api)
    carried(gateway, (replica, {}))
    limit(rest, api)
    carried(gateway, (replica, {api.resource_name: "no room"}))

    read = rest("GET", f"AM/{api.pk}/deployments?limit=500").data

    assert (read["total"], read["limit"]) == (2, 100)
    newest, oldest = read["deployments"]
    assert oldest["revision"] == first.short_id
    assert oldest["replicas"][0]["state"] == "applied"
    [told] = newest["replicas"]
    assert (told["replica"], told["state"], told["reason"]) == ("one", "refused", "no room")
    assert "created policy Rate Limiting" in newest["changes"][0]
    assert newest["differences"][0]["label"] == "Policy Rate Limiting"


def test_two_are_compared_and_one_is_rolled_back_to(rest: Rest, api: ApiInstance) -> None:
    first = now(api)
    limit(rest, api)

    listed = rest("GET", f"AM/{api.pk}/revisions").data["revisions"]
    compared = rest("GET", f"AM/{api.pk}/revisions/compare?from={first.short_id}").data
    whole = rest("GET", f"AM/{api.pk}/revisions/{first.short_id}").data
    done = rest("POST", f"AM/{api.pk}/revisions/{first.short_id}/rollback", {"comment": "It was slow."})

    assert [one["isRunning"] for one in listed] == [True, False]
    assert compared["differences"][0]["kind"] == "added"
    assert "+kind: PolicyBinding" in compared["yaml"]
    assert "kind: ApiInstance" in whole["yaml"]
    assert done.status_code == 200 and done.data["isRunning"], done.data
    assert now(api) == first


def test_the_comment_is_kept_with_the_deployment(rest: Rest, api: ApiInstance, gateway: Gateway) -> None:
    first = now(api)
    limit(rest, api)
    rest("POST", f"AM/{api.pk}/revisions/{first.short_id}/rollback", {"comment": " It was slow. "})
    carried(gateway)

    assert rest("GET", f"AM/{api.pk}/deployments").data["deployments"][0]["comment"] == "It was slow."


@pytest.mark.parametrize("body", [{"coment": "a"}, {"comment": "x" * 1001}, [], "text"])
def test_a_body_that_says_something_else_rolls_back_nothing(rest: Rest, api: ApiInstance, body: Any) -> None:
    first = now(api)
    limit(rest, api)

    refused(rest("POST", f"AM/{api.pk}/revisions/{first.short_id}/rollback", body), 400)

    assert now(api) != first


@pytest.mark.parametrize("name", ["ffffffffffff", "running", "no", "0" * 64])
def test_a_revision_that_is_not_there(rest: Rest, api: ApiInstance, name: str) -> None:
    refused(rest("POST", f"AM/{api.pk}/revisions/{name}/rollback", {}), 404)
    refused(rest("GET", f"AM/{api.pk}/revisions/{name}"), 404)
    missing = "x" if name == "running" else name
    refused(rest("GET", f"AM/{api.pk}/revisions/compare?from={missing}"), 404)


def test_a_viewer_reads_and_rolls_nothing_back(api: ApiInstance, environment: Environment) -> None:
    viewer = make_user()
    make_role(viewer, environment.organization, Role.Name.VIEWER)
    rest, first = Rest(viewer, environment), now(api)

    assert rest("GET", f"AM/{api.pk}/revisions").status_code == 200
    refused(rest("POST", f"AM/{api.pk}/revisions/{first.short_id}/rollback", {}), 403)
