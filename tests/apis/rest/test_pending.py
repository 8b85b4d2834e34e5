"""REST: saved with and without deploying; what is pending is looked at, deployed and discarded."""

import pytest

from apis.deployment.pending import pending
from apis.models import ApiInstance
from console.models import Environment
from gateways.models import Gateway
from tests.apis.rest.bodies import manage, refused
from tests.rest import Rest

pytestmark = pytest.mark.django_db
Deploys = Environment.Deploys
ALLOW = {"assetId": "ip-allowlist", "configurationData": {"ips": ["10.0.0.1"]}}


@pytest.fixture
def api(rest: Rest, environment: Environment, gateway: Gateway) -> ApiInstance:
    made = rest("POST", "AM", manage(environment)).data["id"]
    assert rest("POST", f"PX/{made}/deployments", {"targetId": str(gateway.pk)}).status_code == 201
    return ApiInstance.objects.get(pk=made)


def fresh(api: ApiInstance) -> ApiInstance:
    return ApiInstance.objects.get(pk=api.pk)


def where(api: ApiInstance, deploys: str) -> None:
    Environment.objects.filter(pk=api.environment_id).update(deploys=deploys)


@pytest.mark.parametrize(
    ("deploys", "query", "is_live"),
    [
        (Deploys.ON_SAVE, "", True),
        (Deploys.ON_SAVE, "?deploy=false", False),
        (Deploys.REVIEW, "", True),
        (Deploys.REVIEW, "?deploy=false", False),
        (Deploys.SECOND_PERSON, "", False),
        (Deploys.SECOND_PERSON, "?deploy=true", False),
    ],
)
def test_what_is_saved_runs_unless_a_second_person_is_needed_and_the_answer_says_so(
    rest: Rest, api: ApiInstance, deploys: str, query: str, is_live: bool
) -> None:
    where(api, deploys)

    made = rest("POST", f"AM/{api.pk}/policies{query}", ALLOW)

    assert made.status_code == 201
    assert bool(pending(fresh(api))) is not is_live
    assert ("saved and not deployed" in made.headers.get("Warning", "")) is not is_live


def test_every_change_may_wait(rest: Rest, api: ApiInstance) -> None:
    made = rest("POST", f"AM/{api.pk}/policies?deploy=false", ALLOW).data["id"]
    upstream = rest("GET", f"AM/{api.pk}/upstreams").data["upstreams"][0]["id"]

    for method, path, body in (
        ("PATCH", f"AM/{api.pk}", {"endpoint": {"proxyUri": "http://0.0.0.0:8081/new"}}),
        ("PATCH", f"AM/{api.pk}/upstreams/{upstream}", {"uri": "http://new:1/"}),
        ("PATCH", f"AM/{api.pk}/policies/{made}", {"disabled": True}),
        ("DELETE", f"AM/{api.pk}/policies/{made}", None),
    ):
        answer = rest(method, f"{path}?deploy=false", body)
        assert answer.status_code in (200, 204), answer.data
        assert "saved and not deployed" in answer.headers["Warning"]

    labels = {one["field"] for one in rest("GET", f"AM/{api.pk}/pending").data["differences"]}
    assert labels == {"Listens on", "Route 1, upstream 1, address"}
    refused(rest("PATCH", f"AM/{api.pk}?deploy=maybe", {}), 400, "deploy")


def test_what_waits_is_not_brought_along_unasked(rest: Rest, api: ApiInstance) -> None:
    rest("POST", f"AM/{api.pk}/policies?deploy=false", ALLOW)

    unasked = rest("PATCH", f"AM/{api.pk}", {"endpoint": {"proxyUri": "http://0.0.0.0:8081/new"}})
    assert "saved and not deployed" in unasked.headers["Warning"]

    rest("PATCH", f"AM/{api.pk}?deploy=true", {"endpoint": {"proxyUri": "http://0.0.0.0:8081/newer"}})
    assert not pending(fresh(api))


def test_it_is_deployed_as_it_was_looked_at(rest: Rest, api: ApiInstance) -> None:
    assert rest("GET", f"AM/{api.pk}/pending").data["pending"] is False
    rest("POST", f"AM/{api.pk}/policies?deploy=false", ALLOW)
    shown = rest("GET", f"AM/{api.pk}/pending")
    assert (shown.data["pending"], shown.data["differences"][0]["field"]) == (True, "Policy IP Allowlist")
    assert shown.data["obstacles"] == []
    rest("PATCH", f"AM/{api.pk}?deploy=false", {"endpoint": {"proxyUri": "http://0.0.0.0:8081/new"}})

    late = rest("POST", f"AM/{api.pk}/pending/deployment", {}, **{"If-Match": shown.headers["ETag"]})
    assert late.status_code == 412
    shown = rest("GET", f"AM/{api.pk}/pending")
    done = rest(
        "POST",
        f"AM/{api.pk}/pending/deployment",
        {"comment": "From CI"},
        **{"If-Match": shown.headers["ETag"]},
    )

    assert done.status_code == 201
    assert not pending(fresh(api))
    refused(rest("POST", f"AM/{api.pk}/pending/deployment", {}), 409, "Nothing is pending")
    refused(rest("POST", f"AM/{api.pk}/pending/deployment", {"note": "x"}), 400, "no such field")


def test_it_is_discarded(rest: Rest, api: ApiInstance) -> None:
    rest("POST", f"AM/{api.pk}/policies?deploy=false", ALLOW)

    late = rest("DELETE", f"AM/{api.pk}/pending", None, **{"If-Match": '"x"'})
    done = rest("DELETE", f"AM/{api.pk}/pending")

    assert (late.status_code, done.status_code) == (412, 204)
    assert api.policies.count() == 0
    refused(rest("DELETE", f"AM/{api.pk}/pending"), 409, "Nothing is pending")


def test_who_made_it_does_not_deploy_it(rest: Rest, api: ApiInstance) -> None:
    where(api, Deploys.SECOND_PERSON)
    rest("POST", f"AM/{api.pk}/policies", ALLOW)

    assert "second person" in rest("GET", f"AM/{api.pk}/pending").data["obstacles"][0]
    refused(rest("POST", f"AM/{api.pk}/pending/deployment", {}), 409, "second person")


def test_a_new_api_is_saved_where_a_second_person_is_needed(
    rest: Rest, environment: Environment, gateway: Gateway
) -> None:
    Environment.objects.update(deploys=Deploys.SECOND_PERSON)
    body = manage(environment) | {"deployment": {"targetId": str(gateway.pk), "expectedStatus": "deployed"}}

    made = rest("POST", "AM", body)

    assert made.status_code == 201
    assert made.data["deployment"] is None
    refused(rest("POST", f"PX/{made.data['id']}/deployments", {"targetId": str(gateway.pk)}), 409, "second")


def test_an_environment_says_how(rest: Rest, environment: Environment) -> None:
    path = f"/accounts/api/organizations/{environment.organization_id}/environments/{environment.pk}"

    set_ = rest("PATCH", path, {"deploys": "second-person", "failingTestsStop": True})

    assert (set_.data["deploys"], set_.data["failingTestsStop"]) == ("second-person", True)
    refused(rest("PATCH", path, {"deploys": "on-save"}), 400, "failing tests stop nothing")
    assert rest("GET", path).data["deploys"] == "second-person"
