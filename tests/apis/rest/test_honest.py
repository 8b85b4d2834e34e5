"""What REST says is so: nothing is accepted that is not done, and answers tell what is."""

from typing import Any

import pytest
from django.test import Client

from apis.models import ApiInstance, PolicyBinding
from console.models import Environment
from gateways.models import Gateway
from policies import catalog
from tests.analytics.traffic import NOW, Shipper, count
from tests.apis.rest.bodies import LIMITS, manage, policy, refused, terraform
from tests.factories import make_api, make_gateway
from tests.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("kind", ["CH", "CH2", "RF", "SM"])
@pytest.mark.parametrize("technology", [{}, {"technology": "mule4"}])
def test_an_api_of_another_technology_is_not_made_into_ours(
    rest: Rest, environment: Environment, kind: str, technology: dict[str, str]
) -> None:
    body = manage(environment)
    body = {name: value for name, value in body.items() if name != "technology"} | technology
    body["endpoint"]["deploymentType"] = kind

    refused(rest("POST", "AM", body), 400, "--isFlex")


def test_no_technology_and_no_other_place_means_ours(rest: Rest, environment: Environment) -> None:
    body = manage(environment)
    del body["technology"]

    assert rest("POST", "AM", body).data["technology"] == "flexGateway"


def test_an_api_without_an_address_is_refused(rest: Rest, environment: Environment) -> None:
    body = manage(environment)
    body["endpoint"]["proxyUri"] = None

    refused(rest("POST", "AM", body), 400, "endpoint.proxyUri", "--withProxy")


@pytest.mark.parametrize("path", ["AM", "AMX/apis"])
def test_a_limit_over_the_most_is_the_most_and_said(rest: Rest, environment: Environment, path: str) -> None:
    make_api(make_gateway(environment))

    answer = rest("GET", f"{path}?limit=200")

    assert answer.status_code == 200
    assert (answer.data["total"], answer.data["limit"], answer.data["offset"]) == (1, 100, 0)


@pytest.mark.parametrize(("path", "rows"), [("AM", "assets"), ("AMX/apis", "instances")])
def test_a_limit_of_0_asks_how_many_there_are(
    rest: Rest, environment: Environment, path: str, rows: str
) -> None:
    make_api(make_gateway(environment))

    answer = rest("GET", f"{path}?limit=0")

    assert answer.status_code == 200
    assert (answer.data["total"], answer.data["limit"], answer.data[rows]) == (1, 0, [])


@pytest.mark.parametrize("version", ["9.9.9", "2.0.0", "1.99.0", "latest", "1.4", "1.4.0.0", "-1.4.0"])
def test_a_version_that_does_not_exist_is_refused(rest: Rest, environment: Environment, version: str) -> None:
    api = make_api(make_gateway(environment))

    refused(rest("POST", f"AM/{api.pk}/policies", policy(assetVersion=version)), 400, "assetVersion", version)
    assert not PolicyBinding.objects.exists()


def test_what_runs_is_the_catalogs_version(rest: Rest, environment: Environment) -> None:
    api = make_api(make_gateway(environment))

    made = rest("POST", f"AM/{api.pk}/policies", policy(assetVersion="1.4.0")).data
    path = f"AM/{api.pk}/policies/{made['id']}"

    assert made["assetVersion"] == "1.4.0"
    assert made["implementationAsset"]["version"] == catalog.find("rate-limiting").version
    refused(rest("PATCH", path, {"assetVersion": "9.9.9"}), 400, "9.9.9")


def test_a_second_policy_of_a_kind_is_applied_when_asked_for(rest: Rest, environment: Environment) -> None:
    api = make_api(make_gateway(environment))
    rest("POST", f"AM/{api.pk}/policies", policy())

    refused(rest("POST", f"AM/{api.pk}/policies", policy()), 409, "allowDuplicated=true")
    second = rest("POST", f"AM/{api.pk}/policies?allowDuplicated=true", policy(configurationData=LIMITS))

    assert second.status_code == 201
    assert api.policies.count() == 2


def test_an_api_tells_when_it_was_called_last(rest: Rest, environment: Environment) -> None:
    api, idle = make_api(make_gateway(environment)), make_api(make_gateway(environment))
    Shipper(api).ship(count(api, at=NOW - 60), count(api, at=NOW - 20))

    found = rest("GET", f"AM/{api.pk}").data["lastActiveDate"]

    assert found.endswith("Z")
    listed = {one["id"]: one["lastActiveDate"] for one in rest("GET", "AMX/apis").data["instances"]}
    assert listed == {api.pk: found, idle.pk: None}


@pytest.mark.parametrize("path", ["/hybrid/api/v1/servers", "/secrets-manager/api/v1/x", "/nowhere"])
@pytest.mark.parametrize("accept", [{}, {"accept": "application/json"}, {"accept": "*/*"}])
def test_an_address_that_does_not_exist_answers_programs_in_json(
    client: Client, path: str, accept: dict[str, Any]
) -> None:
    answer = client.get(path, headers=accept)

    assert answer.status_code == 404
    assert "not an address" in answer.json()["message"]


def test_an_address_that_does_not_exist_answers_browsers_with_a_page(client: Client) -> None:
    answer = client.get("/nowhere", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})

    assert answer.status_code == 404
    assert "<html" in answer.content.decode()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"endpoint": {"urii": "http://b/"}}, 'endpoint.urii: There is no such field; did you mean "uri"'),
        (
            {"endpoint": {"tlsContexts": {"outbond": None}}},
            'outbond: There is no such field; did you mean "outbound"',
        ),
        ({"endpoint": {"wsdlConfig": {"url": "http://b/"}}}, "endpoint.wsdlConfig.url"),
        ({"routing": [{"rule": {}, "upstreams": [{"uri": "http://b/"}]}]}, "routing.0.rule"),
        ({"routing": [{"upstreams": [{"uri": "http://b/", "weigth": 5}]}]}, "routing.0.upstreams.0.weigth"),
        ({"routing": []}, "An API needs at least one route with an upstream; leave routing out"),
        ({"deployment": {"targetID": "x"}}, "deployment.targetID"),
        ({"providerId": "x" * 257}, "providerId"),
        ({"approvalMethod": "x" * 257}, "approvalMethod"),
        ({"instanceLabel": "a\nb"}, "The label holds a line break"),
        ({"tags": ["a\nb"]}, "holds a control character or a line break"),
    ],
)
def test_what_would_go_unsaid_is_refused(
    rest: Rest, environment: Environment, body: dict[str, object], named: str
) -> None:
    made = rest("POST", "AM", manage(environment)).data["id"]

    refused(rest("PATCH", f"AM/{made}", body), 400, named)


def test_what_an_answer_holds_is_taken_back(rest: Rest, gateway: Gateway) -> None:
    made = rest("POST", "AM", terraform(gateway)).data
    generation = Gateway.objects.get(pk=gateway.pk).generation

    answer = rest("PATCH", f"AM/{made['id']}", rest("GET", f"AM/{made['id']}").data)

    assert answer.status_code == 200, answer.data
    assert Gateway.objects.get(pk=gateway.pk).generation == generation


def test_a_tag_is_kept_once(rest: Rest, environment: Environment) -> None:
    made = rest("POST", "AM", manage(environment, tags=["eu", "eu"])).data

    assert made["tags"] == ["eu"]


def test_labels_are_of_one_line(rest: Rest, environment: Environment) -> None:
    made, odd = rest("POST", "AM", manage(environment)).data["id"], "a\nb"
    upstream = {"uri": "http://b/", "label": odd}
    said = "It holds a line break or a control character"

    refused(rest("POST", f"AM/{made}/policies", policy(label=odd)), 400, "label", said)
    refused(rest("POST", f"AM/{made}/upstreams", upstream), 400, "label", said)
    refused(rest("PATCH", f"AM/{made}", {"routing": [{"label": odd, "upstreams": [upstream]}]}), 400, said)


def test_a_label_that_an_older_release_took_stops_nothing(rest: Rest, environment: Environment) -> None:
    made = rest("POST", "AM", manage(environment)).data["id"]
    ApiInstance.objects.filter(pk=made).update(label="a\nb")

    assert rest("PATCH", f"AM/{made}", {"tags": ["eu"]}).status_code == 200


@pytest.mark.parametrize("kind", ["CH", "CH2", "RF", "hy", "x"])
def test_a_deployment_elsewhere_is_not_made_into_one_here(
    rest: Rest, environment: Environment, gateway: Gateway, kind: str
) -> None:
    made = rest("POST", "AM", manage(environment)).data["id"]
    wanted = {"targetId": str(gateway.pk), "type": kind}

    refused(rest("POST", f"PX/{made}/deployments", wanted), 400, "type", kind, "write HY")
    refused(rest("PATCH", f"AM/{made}", {"deployment": wanted}), 400, "deployment.type", "write HY")
    assert not ApiInstance.objects.get(pk=made).is_deployed
