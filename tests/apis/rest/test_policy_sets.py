"""REST: policy sets are made, changed, given to APIs, taken from them and deleted."""

from typing import Any

import pytest

from apis.automated.models import AutomatedPolicy
from apis.models import ApiInstance
from console.models import Environment, Role
from gateways.models import Gateway
from tests.apis.rest.bodies import refused
from tests.factories import make_api, make_environment, make_policy_set, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db
ALLOW = {"assetId": "ip-allowlist", "configurationData": {"ips": ["10.0.0.1"]}}


@pytest.fixture
def api(environment: Environment, gateway: Gateway) -> ApiInstance:
    return make_api(gateway)


def test_one_is_made_filled_given_and_taken_back(rest: Rest, api: ApiInstance) -> None:
    made = rest("POST", "SETS", {"name": "Public", "description": "For everybody."})
    assert (made.status_code, made.data["policyCount"], made.data["apiIds"]) == (201, 0, [])
    own = f"SETS/{made.data['id']}"

    added = rest("POST", f"{own}/policies", ALLOW)
    given = rest("POST", f"{own}/apis", {"apiIds": [api.pk]})

    assert (added.status_code, added.data["policySetId"]) == (201, made.data["id"])
    assert (given.status_code, given.data["apiIds"], given.data["policyCount"]) == (200, [api.pk], 1)
    (listed,) = rest("GET", "SETS").data["policySets"]
    assert (listed["name"], listed["apiCount"], listed["policyCount"]) == ("Public", 1, 1)
    (policy,) = rest("GET", f"{own}/policies").data["automatedPolicies"]
    assert policy["id"] == added.data["id"]

    refused(rest("DELETE", own), 409, "take it from them first")
    assert rest("DELETE", f"{own}/apis/{api.pk}?keep=true").status_code == 204
    assert [one.policy for one in api.policies.all()] == ["ip-allowlist"]
    assert rest("DELETE", own).status_code == 204
    assert rest("GET", own).status_code == 404
    assert not AutomatedPolicy.objects.exists()


def test_who_saw_it_as_it_was_overwrites_nobody(rest: Rest, api: ApiInstance) -> None:
    own = f"SETS/{make_policy_set(api.environment, name='Public').pk}"
    seen = rest("GET", own)["ETag"]
    match = {"If-Match": seen}

    assert rest("POST", f"{own}/apis", {"apiIds": [api.pk]}, **match).status_code == 200
    assert rest("PATCH", own, {"name": "Partners"}, **match).status_code == 412
    assert rest("DELETE", own, **match).status_code == 412
    changed = rest("PATCH", own, {"name": "Partners"}, **{"If-Match": rest("GET", own)["ETag"]})

    assert (changed.status_code, changed.data["name"], changed.data["apiIds"]) == (200, "Partners", [api.pk])


@pytest.mark.parametrize(
    ("address", "body", "status", "said"),
    [
        ("", {"name": ""}, 400, "blank"),
        ("", {"name": "x" * 121}, 400, "120"),
        ("", {"name": "Public"}, 409, "the name of another policy set"),
        ("", {"name": "New", "apis": []}, 400, "no such field"),
        (
            "/policies",
            {**ALLOW, "ruleOfApplication": {"environmentId": str(Gateway().pk)}},
            400,
            "have the set",
        ),
        ("/policies", {"assetId": "bygone"}, 400, "bygone"),
        ("/apis", {"apiIds": []}, 400, "apiIds"),
        ("/apis", {"apiIds": [2**63]}, 400, "apiIds"),
        ("/apis", {"apiIds": [999]}, 400, "API 999 not found"),
    ],
)
def test_what_cannot_be_is_refused(
    rest: Rest, environment: Environment, address: str, body: dict[str, Any], status: int, said: str
) -> None:
    own = make_policy_set(environment, name="Public").pk

    refused(rest("POST", f"SETS/{own}{address}" if address else "SETS", body), status, said)


def test_those_of_others_are_out_of_reach(rest: Rest, environment: Environment, api: ApiInstance) -> None:
    elsewhere = make_policy_set(make_environment())
    own, strange = make_policy_set(environment).pk, make_api()
    viewer = make_user()
    make_role(viewer, environment.organization, Role.Name.VIEWER)
    looks = Rest(viewer, environment)

    assert rest("GET", f"SETS/{elsewhere.pk}").status_code == 404
    assert rest("GET", f"SETS/{2**70}").status_code == 404
    refused(rest("POST", f"SETS/{own}/apis", {"apiIds": [strange.pk]}), 400, "not found")
    assert looks("GET", f"SETS/{own}").status_code == 200
    assert looks("POST", f"SETS/{own}/apis", {"apiIds": [api.pk]}).status_code == 403
    assert looks("PATCH", f"SETS/{own}", {"name": "mine"}).status_code == 403
