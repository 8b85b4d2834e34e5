"""REST: what was deleted lately, and its way back."""

import pytest

from apis.models import ApiInstance
from console.models import Environment, Role
from gateways.models import Gateway
from tests.apis.rest.bodies import refused, terraform
from tests.apis.rest.test_revisions import limit
from tests.factories import make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db
DELETED = "/apimanager/api/v1/organizations/{}/environments/{}/deleted-apis"


@pytest.fixture
def api(rest: Rest, gateway: Gateway) -> ApiInstance:
    return ApiInstance.objects.get(pk=rest("POST", "AM", terraform(gateway)).data["id"])


@pytest.fixture
def deleted(environment: Environment) -> str:
    return DELETED.format(environment.organization_id, environment.pk)


def test_an_api_is_listed_once_it_is_deleted_and_comes_back(
    rest: Rest, api: ApiInstance, deleted: str
) -> None:
    rest("DELETE", f"AM/{api.pk}")

    [one] = rest("GET", deleted).data["deleted"]
    back = rest("POST", f"{deleted}/{one['id']}/restore", {})

    assert (one["apiId"], one["name"]) == (api.pk, str(api))
    assert one["deletedBy"] and one["keptUntil"] > one["deletedAt"]
    assert (back.status_code, back.data["id"]) == (201, api.pk), back.data
    assert rest("GET", deleted).data["total"] == 0
    refused(rest("POST", f"{deleted}/{one['id']}/restore", {}), 404)


def test_one_whose_path_was_taken_comes_back_at_another(
    rest: Rest, api: ApiInstance, gateway: Gateway, deleted: str
) -> None:
    rest("DELETE", f"AM/{api.pk}")
    rest("POST", "AM", terraform(gateway, spec={"assetId": "taker", "version": "1.0.0"}))
    [one] = rest("GET", deleted).data["deleted"]
    path = f"{deleted}/{one['id']}/restore"

    taken, misspelt = rest("POST", path, {}), rest("POST", path, {"base_path": "/x"})
    back = rest("POST", path, {"basePath": "/orders-2"})

    refused(taken, 409, "overlaps")
    refused(misspelt, 400, "basePath")
    assert taken.data["errors"][0]["field"] == "basePath"
    assert back.data["endpoint"]["proxyUri"].endswith("/orders-2")


def test_a_removed_policy_comes_back(rest: Rest, api: ApiInstance) -> None:
    limit(rest, api)
    policy = api.policies.get()
    rest("DELETE", f"AM/{api.pk}/policies/{policy.pk}")

    [one] = rest("GET", f"AM/{api.pk}/deleted-policies").data["deleted"]
    back = rest("POST", f"AM/{api.pk}/deleted-policies/{one['id']}/restore", {})

    assert one["name"] == "Rate Limiting"
    assert (back.status_code, back.data["id"]) == (201, policy.pk), back.data


def test_a_viewer_reads_and_restores_nothing(
    rest: Rest, api: ApiInstance, environment: Environment, deleted: str
) -> None:
    rest("DELETE", f"AM/{api.pk}")
    viewer = make_user()
    make_role(viewer, environment.organization, Role.Name.VIEWER)
    their = Rest(viewer, environment)

    [one] = their("GET", deleted).data["deleted"]

    refused(their("POST", f"{deleted}/{one['id']}/restore", {}), 403)
