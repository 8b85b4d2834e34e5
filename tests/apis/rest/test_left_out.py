"""REST: names that a body has and nothing reads."""

from typing import Any

import pytest

from apis.models import ApiInstance
from console.models import Environment
from gateways.models import Gateway
from tests.apis.rest.bodies import LIMITS, policy
from tests.factories import make_api, make_contract, make_tier
from tests.rest import Rest

pytestmark = pytest.mark.django_db
LIMIT = {"maximumRequests": 100, "timePeriodInMilliseconds": 60_000}
TIER = {"name": "Gold", "status": "ACTIVE", "limits": [LIMIT]}


@pytest.fixture
def api(gateway: Gateway) -> ApiInstance:
    return make_api(gateway)


def test_a_misspelt_name_of_a_policy_is_refused(rest: Rest, api: ApiInstance) -> None:
    made = rest("POST", f"AM/{api.pk}/policies", policy())
    path = f"AM/{api.pk}/policies/{made.data['id']}"

    patched = rest("PATCH", path, {"configurationDat": {**LIMITS, "clusterizable": False}})
    again = rest("POST", f"AM/{api.pk}/policies", {**policy(), "disable": True})

    assert (patched.status_code, again.status_code) == (400, 400)
    assert 'did you mean "configurationData"?' in str(patched.data)
    assert 'did you mean "disabled"?' in str(again.data)


@pytest.mark.parametrize(
    "body",
    [
        {**TIER, "autoAprove": True},
        {**TIER, "limits": [{**LIMIT, "maximumRequest": 5}]},
        {**TIER, "limits": [LIMIT], "descripton": "Much"},
    ],
)
def test_a_misspelt_name_of_a_tier_is_refused(rest: Rest, api: ApiInstance, body: dict[str, Any]) -> None:
    assert rest("POST", f"AM/{api.pk}/tiers", body).status_code == 400
    assert not api.tiers.exists()


def test_a_misspelt_name_of_a_contract_is_refused(rest: Rest, api: ApiInstance) -> None:
    contract = make_contract(api)

    patched = rest("PATCH", f"AM/{api.pk}/contracts/{contract.pk}", {"expireAt": "2030-01-01T00:00:00Z"})

    assert patched.status_code == 400
    assert 'did you mean "expiresAt"?' in str(patched.data)


def test_a_misspelt_name_of_an_automated_policy_is_refused(rest: Rest, environment: Environment) -> None:
    path = f"/apimanager/api/v1/organizations/{environment.organization_id}/automated-policies"
    rule = {"environmentId": str(environment.pk)}

    made = rest("POST", path, {**policy(), "ruleOfApplication": rule, "pointcutDatas": []})

    assert made.status_code == 400
    assert 'did you mean "pointcutData"?' in str(made.data)


def test_other_names_are_left_out_and_told(rest: Rest, api: ApiInstance) -> None:
    made = rest("POST", f"AM/{api.pk}/policies", {**policy(), "applyTo": "all", "id": 7, "type": "system"})

    assert made.status_code == 201, made.data
    assert "applyTo: There is no such field; it is left out." in made["Warning"]
    assert "type:" not in made["Warning"]
    assert "Warning" not in rest("GET", f"AM/{api.pk}/policies")


def test_what_an_answer_holds_is_sent_back_without_a_word(rest: Rest, api: ApiInstance) -> None:
    made = rest("POST", f"AM/{api.pk}/policies", policy()).data
    tier = rest("GET", f"AM/{api.pk}/tiers/{make_tier(api).pk}").data

    saved = rest("PATCH", f"AM/{api.pk}/policies/{made['id']}", made)
    put = rest("PUT", f"AM/{api.pk}/tiers/{tier['id']}", tier)

    assert (saved.status_code, put.status_code) == (200, 200), (saved.data, put.data)
    assert "left out" not in saved.get("Warning", "") + put.get("Warning", "")


def test_a_body_of_many_names_makes_no_long_header_and_of_thousands_is_refused(
    rest: Rest, api: ApiInstance
) -> None:
    def told(count: int) -> Any:
        odd = {f"odd{number}" + 200 * "x": number for number in range(count)}
        return rest("POST", f"AM/{api.pk}/policies", {**policy(), **odd})

    some, many = told(150), told(5000)

    assert some.status_code == 201, some.data
    assert 0 < len(some["Warning"]) <= 4000
    assert many.status_code == 400
