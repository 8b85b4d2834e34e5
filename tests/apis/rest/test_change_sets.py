"""REST: what is pending of several APIs of one gateway, deployed together and taken back together."""

import pytest

from apis.deployment.pending import pending
from apis.models import ApiInstance
from console.models import Environment
from gateways.models import Gateway
from tests.apis.rest.bodies import manage, refused
from tests.rest import Rest

pytestmark = pytest.mark.django_db
ALLOW = {"assetId": "ip-allowlist", "configurationData": {"ips": ["10.0.0.1"]}}


@pytest.fixture
def apis(rest: Rest, environment: Environment, gateway: Gateway) -> list[int]:
    """Two that are deployed, each with a change that waits."""
    made = []
    for name in ("a", "b"):
        body = manage(environment, instanceLabel=name)
        body["endpoint"]["proxyUri"] = f"http://0.0.0.0:8081/{name}"
        pk = rest("POST", "AM", body).data["id"]
        assert rest("POST", f"PX/{pk}/deployments", {"targetId": str(gateway.pk)}).status_code == 201
        assert rest("POST", f"AM/{pk}/policies?deploy=false", ALLOW).status_code == 201
        made.append(pk)
    return made


@pytest.fixture
def sets(rest: Rest) -> str:
    return rest.address("AM").removesuffix("apis") + "change-sets"


def waits(apis: list[int]) -> list[bool]:
    return [bool(pending(ApiInstance.objects.get(pk=one))) for one in apis]


def test_all_that_waits_is_deployed_and_taken_back(
    rest: Rest, sets: str, gateway: Gateway, apis: list[int]
) -> None:
    made = rest("POST", sets, {"gatewayId": str(gateway.pk), "comment": "CR-7"})

    assert made.status_code == 201, made.data
    assert sorted(one["apiId"] for one in made.data["apis"]) == apis
    assert waits(apis) == [False, False]

    back = rest("POST", f"{sets}/{made.data['id']}/take-back", {})

    assert back.status_code == 201, back.data
    assert back.data["takesBack"] == made.data["id"]
    assert waits(apis) == [True, True]
    assert [one["id"] for one in rest("GET", sets).data] == [back.data["id"], made.data["id"]]
    assert rest("GET", f"{sets}/{made.data['id']}").data["comment"] == "CR-7"
    assert rest("POST", f"{sets}/{made.data['id']}/take-back", {}).status_code == 409


def test_what_was_seen_before_is_not_deployed(
    rest: Rest, sets: str, gateway: Gateway, apis: list[int]
) -> None:
    body = {"gatewayId": str(gateway.pk)}
    seen = [rest("GET", f"AM/{one}/pending")["ETag"] for one in apis]
    assert rest("PATCH", f"AM/{apis[0]}?deploy=false", {"instanceLabel": "other"}).status_code == 200

    assert rest("POST", sets, body, **{"If-Match": ", ".join(seen)}).status_code == 412
    assert waits(apis) == [True, True]
    seen[0] = rest("GET", f"AM/{apis[0]}/pending")["ETag"]
    made = rest("POST", sets, body, **{"If-Match": ", ".join(seen)})

    assert made.status_code == 201
    own = f"{sets}/{made.data['id']}"
    tag = rest("GET", own)["ETag"]
    assert made["ETag"] == tag
    assert rest("POST", f"{own}/take-back", {}, **{"If-Match": '"bygone"'}).status_code == 412
    assert rest("POST", f"{own}/take-back", {}, **{"If-Match": tag}).status_code == 201
    assert rest("GET", own)["ETag"] != tag


def test_those_that_are_named_alone(rest: Rest, sets: str, gateway: Gateway, apis: list[int]) -> None:
    assert rest("POST", sets, {"gatewayId": str(gateway.pk), "apiIds": apis[:1]}).status_code == 201
    assert waits(apis) == [False, True]


def test_what_cannot_be_is_refused(rest: Rest, sets: str, gateway: Gateway, apis: list[int]) -> None:
    own = {"gatewayId": str(gateway.pk)}
    other = "00000000-0000-0000-0000-000000000000"

    refused(rest("POST", sets, {**own, "apiIds": []}), 400, "between one and 100")
    refused(rest("POST", sets, {**own, "apiIds": [999]}), 409, "choose again")
    assert rest("POST", sets, {**own, "apiIds": [2**63]}).status_code == 400
    assert rest("POST", sets, {**own, "apis": apis}).status_code == 400
    assert rest("POST", sets, {"gatewayId": other}).status_code == 404
    assert rest("GET", f"{sets}/{other}").status_code == 404
    assert waits(apis) == [True, True]
