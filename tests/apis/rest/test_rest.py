"""API Manager over REST, with the bodies that clients of Anypoint were recorded to send."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apis.models import ApiInstance, Asset
from console.models import Environment, Role
from gateways.models import Gateway
from policies.policy import CATALOG_GROUP
from tests.factories import make_api, make_environment, make_gateway, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db

LIMITS = {"rateLimits": [{"maximumRequests": 3, "timePeriodInMilliseconds": 60000}]}


def manage(environment: Environment, **fields: Any) -> dict[str, Any]:
    """What the command line client sends for `api:manage --isFlex`."""
    body = {
        "endpoint": {
            "type": "rest-api",
            "uri": "http://backend.test/",
            "proxyUri": "http://0.0.0.0:8081/orders",
            "isCloudHub": None,
            "deploymentType": "HY",
            "referencesUserDomain": None,
            "responseTimeout": None,
            "muleVersion4OrAbove": None,
        },
        "instanceLabel": "prod-orders",
        "technology": "flexGateway",
        "spec": {
            "assetId": "orders-api",
            "version": "1.0.0",
            "groupId": str(environment.organization_id),
        },
    }
    return body | fields


def terraform(gateway: Gateway, **fields: Any) -> dict[str, Any]:
    """What the Terraform provider sends: routes and upstreams inline, deployed by the same request."""
    body = {
        "technology": "flexGateway",
        "spec": {"assetId": "orders-api", "version": "1.0.0"},
        "endpoint": {"deploymentType": "HY", "proxyUri": "http://0.0.0.0:8081/orders/"},
        "routing": [
            {
                "label": "canary",
                "rules": {"methods": "GET|POST", "path": "/v2/.*", "host": "", "headers": {"x-beta": "1"}},
                "upstreams": [
                    {"uri": "https://a/", "label": "a", "weight": 90, "tlsContext": None},
                    {"uri": "https://b/", "weight": 10},
                ],
            }
        ],
        "deployment": {
            "environmentId": str(gateway.environment_id),
            "type": "HY",
            "expectedStatus": "deployed",
            "overwrite": False,
            "targetId": str(gateway.pk),
            "targetName": gateway.name,
            "gatewayVersion": "1.12.0",
        },
    }
    return body | fields


def policy(**fields: Any) -> dict[str, Any]:
    """What the command line client sends for `policy:apply --policyVersion`."""
    body = {
        "apiVersionId": "1001",
        "configurationData": LIMITS,
        "id": None,
        "pointcutData": None,
        "assetId": "rate-limiting",
        "groupId": CATALOG_GROUP,
        "assetVersion": "1.4.0",
        "policyTemplateId": "rate-limiting",
    }
    if fields.get("assetId") in ("cors", "ip-allowlist"):
        body["assetVersion"] = "1.1.0"
    return body | fields


def refused(answer: Any, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.data
    assert all(word in answer.data["message"] for word in words), answer.data["message"]
    assert answer.data["errors"][0]["message"]


class TestInstances:
    def test_managed_as_the_command_line_does(self, rest: Rest, environment: Environment) -> None:
        made = rest("POST", "AM", manage(environment))

        assert made.status_code == 201
        assert isinstance(made.data["id"], int)
        api = ApiInstance.objects.get()
        assert (api.port, api.base_path, api.label) == (8081, "/orders", "prod-orders")
        assert (api.asset.asset_id, api.asset.type) == ("orders-api", Asset.Type.REST)
        assert made.data["status"] == "unregistered"
        assert made.data["deployment"] is None

    def test_described_with_every_field_that_clients_read(self, rest: Rest, environment: Environment) -> None:
        made = rest("POST", "AM", manage(environment)).data

        found = rest("GET", f"AM/{made['id']}?includeTlsContexts=true").data

        assert found["audit"]["created"]["date"].endswith("Z")
        assert isinstance(found["audit"]["updated"], dict)
        assert found["endpoint"]["proxyUri"] == "http://0.0.0.0:8081/orders"
        assert found["endpoint"]["uri"] == "http://backend.test/"
        assert found["endpoint"]["deploymentType"] == "HY"
        assert found["endpoint"]["type"] == "rest-api"
        assert found["endpoint"]["tlsContexts"] == {"inbound": None, "outbound": None}
        assert found["autodiscoveryInstanceName"] == f"v1:{made['id']}"
        assert found["environmentId"] == str(environment.pk)
        assert found["groupId"] == str(environment.organization_id)
        assert (found["technology"], found["lastActiveDate"]) == ("flexGateway", None)

    def test_listed_by_asset(self, rest: Rest, environment: Environment) -> None:
        rest("POST", "AM", manage(environment))
        rest(
            "POST",
            "AM",
            manage(
                environment,
                instanceLabel="eu",
                endpoint={"uri": "http://b", "proxyUri": "http://0.0.0.0:8082/orders"},
            ),
        )

        found = rest("GET", "AM?limit=10&offset=0&sort=createdDate&ascending=false").data

        assert found["total"] == 2
        [asset] = found["assets"]
        assert (asset["exchangeAssetName"], asset["totalApis"]) == ("Orders api", 2)
        assert [api["instanceLabel"] for api in asset["apis"]] == ["eu", "prod-orders"]
        assert rest("GET", "AM?instanceLabel=eu").data["total"] == 1
        assert rest("GET", "AM?assetId=cats").data == {"total": 0, "limit": 20, "offset": 0, "assets": []}
        assert len(rest("GET", "AM?limit=1").data["assets"][0]["apis"]) == 1
        assert rest("GET", "AMX/apis").data["total"] == 2

    def test_made_and_deployed_in_one_request_as_terraform_does(self, rest: Rest, gateway: Gateway) -> None:
        made = rest("POST", "AMX/apis", terraform(gateway))

        assert made.status_code == 201, made.data
        assert made.data["deployment"]["targetId"] == str(gateway.pk)
        assert made.data["endpoint"]["proxyUri"] == "http://0.0.0.0:8081/orders"
        [route] = made.data["routing"]
        assert route["rules"] == {"methods": "GET|POST", "path": "/v2/.*", "headers": {"x-beta": "1"}}
        assert [upstream["weight"] for upstream in route["upstreams"]] == [90, 10]
        assert made.data["configurationStatus"]["message"].startswith("Waiting for a replica")
        assert Gateway.objects.get().generation == 1

    def test_upstreams_are_listed_and_named_by_id(self, rest: Rest, gateway: Gateway) -> None:
        made = rest("POST", "AMX/apis", terraform(gateway)).data
        upstreams = rest("GET", f"AM/{made['id']}/upstreams").data["upstreams"]

        ids = [{"id": one["id"], "weight": 50} for one in upstreams]
        changed = rest("PATCH", f"AMX/apis/{made['id']}", {"routing": [{"upstreams": ids}]})

        assert changed.status_code == 200, changed.data
        after = rest("GET", f"AM/{made['id']}/upstreams").data["upstreams"]
        assert [one["id"] for one in after] == [one["id"] for one in upstreams]
        assert {one["uri"] for one in after} == {"https://a/", "https://b/"}

    def test_a_partial_patch_keeps_the_rest(self, rest: Rest, environment: Environment) -> None:
        made = rest("POST", "AM", manage(environment)).data

        path = f"AM/{made['id']}"
        assert rest("PATCH", path, {"deprecated": True}).data["deprecated"] is True
        assert rest("PATCH", path, {"assetVersion": "1.0.1"}).data["assetVersion"] == "1.0.1"
        found = rest("PATCH", path, {"endpoint": {"responseTimeout": 900}}).data

        assert found["endpoint"]["responseTimeout"] == 900
        assert found["endpoint"]["type"] == "rest-api"
        assert (found["deprecated"], found["instanceLabel"]) == (True, "prod-orders")
        assert found["endpoint"]["uri"] == "http://backend.test/"

    def test_a_refusal_names_the_field_as_the_body_does(self, rest: Rest, environment: Environment) -> None:
        api = rest("POST", "AM", manage(environment)).data["id"]
        nowhere = {"targetId": "11111111-1111-1111-1111-111111111111"}

        refused(rest("PATCH", f"AM/{api}", {"assetVersion": "a b"}), 400, 'assetVersion: "a b"')
        refused(rest("POST", f"PX/{api}/deployments", nowhere), 400, "targetId: Deployment target")
        assert rest("POST", f"PX/{api}/deployments", nowhere).data["errors"][0]["field"] == "targetId"
        refused(rest("PATCH", f"AM/{api}", {"deployment": nowhere}), 400, "deployment.targetId: Deployment")

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({"deployment": {"expectedStatus": "deployed"}}, "deployment.targetId"),
            ({"routing": [{"label": "all"}]}, "routing.0.upstreams"),
            (
                {"routing": [{"rules": {"method": "GET"}, "upstreams": [{"uri": "http://a"}]}]},
                'routing.0.rules.method: There is no such field; did you mean "methods"?',
            ),
            ({"routing": [{"upstreams": [{"weight": 100}]}]}, "routing.0.upstreams.0.uri"),
        ],
    )
    def test_what_a_patch_names_must_be_whole(
        self, rest: Rest, gateway: Gateway, body: dict[str, Any], words: str
    ) -> None:
        made = rest("POST", "AMX/apis", terraform(gateway)).data

        refused(rest("PATCH", f"AM/{made['id']}", body), 400, words)

        assert rest("GET", f"AM/{made['id']}").data["routing"] == made["routing"]

    def test_a_patched_upstream_without_a_weight_gets_every_request(
        self, rest: Rest, gateway: Gateway
    ) -> None:
        made = rest("POST", "AMX/apis", terraform(gateway)).data

        found = rest("PATCH", f"AM/{made['id']}", {"routing": [{"upstreams": [{"uri": "http://a"}]}]}).data

        assert [one["weight"] for one in found["routing"][0]["upstreams"]] == [100]

    def test_the_description_can_be_sent_back_whole(self, rest: Rest, gateway: Gateway) -> None:
        made = rest("POST", "AMX/apis", terraform(gateway)).data

        again = rest("PATCH", f"AM/{made['id']}", made)

        assert again.status_code == 200, again.data
        assert again.data["routing"] == made["routing"]
        assert Gateway.objects.get().generation == 1

    def test_deleted(self, rest: Rest, environment: Environment) -> None:
        made = rest("POST", "AM", manage(environment)).data

        answer = rest("DELETE", f"AM/{made['id']}")

        assert (answer.status_code, answer.content) == (204, b"")
        refused(rest("GET", f"AM/{made['id']}"), 404, f"API {made['id']} not found")

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"endpoint": {"uri": "http://b", "proxyUri": "0.0.0.0:8081/x"}}, "endpoint.proxyUri"),
            ({"endpoint": {"uri": "http://b", "proxyUri": "https://0.0.0.0:8443/x"}}, "TLS context"),
            ({"endpoint": {"uri": "http://b", "proxyUri": "http://0.0.0.0:99999/x"}}, "endpoint.proxyUri"),
            (
                {"endpoint": {"uri": "backend.test"}},
                'endpoint.uri: "backend.test" has no scheme',
            ),
            ({"endpoint": {"type": "grpc"}}, "endpoint.type"),
            ({"endpoint": {}}, "at least one route"),
            (
                {"endpoint": {"uri": "http://b", "tlsContexts": {"inbound": {"secretGroupId": "x"}}}},
                "endpoint.tlsContexts.inbound.tlsContextId",
            ),
            (
                {"endpoint": {"uri": "http://b", "tlsContexts": {"outbound": {"tlsContextId": "x"}}}},
                "endpoint.tlsContexts.outbound",
            ),
            ({"technology": "mule4"}, "Write technology flexGateway"),
            ({"spec": {"version": "1.0.0"}}, "spec.assetId"),
            ({"spec": {"assetId": "a/b", "version": "1.0.0"}}, "spec.assetId"),
            ({"routing": [{"upstreams": [{"uri": "http://a", "weight": 60}]}]}, "sum to 60"),
            ({"routing": [{"upstreams": [{"uri": "http://a", "weight": "much"}]}]}, "weight"),
            ({"routing": [{"upstreams": []}]}, "upstream"),
            ({"routing": [None]}, "routing.0: This field may not be null."),
            (
                {"routing": [{"rules": {"path": "("}, "upstreams": [{"uri": "http://a"}]}]},
                "routing.0.rules.path",
            ),
            ({"instanceLabel": "x" * 300}, "instanceLabel"),
            ({"deployment": {"targetId": "11111111-1111-1111-1111-111111111111"}}, "not found"),
            ({"deployment": {"targetId": "edge"}}, "deployment.targetId"),
        ],
    )
    def test_bad_bodies_are_refused_and_save_nothing(
        self, rest: Rest, environment: Environment, fields: dict[str, Any], words: str
    ) -> None:
        refused(rest("POST", "AM", manage(environment, **fields)), 400, words)

        assert not ApiInstance.objects.exists()
        assert not Asset.objects.exists()

    def test_an_overlap_is_a_conflict(self, rest: Rest, gateway: Gateway) -> None:
        rest("POST", "AMX/apis", terraform(gateway))

        spec = {"assetId": "cats", "version": "1.0.0"}
        answer = rest("POST", "AMX/apis", terraform(gateway, spec=spec))

        refused(answer, 409, "overlaps", "endpoint.proxyUri")
        assert ApiInstance.objects.count() == 1

    def test_the_same_asset_twice_without_a_label_is_a_conflict(
        self, rest: Rest, environment: Environment
    ) -> None:
        rest("POST", "AM", manage(environment))

        refused(rest("POST", "AM", manage(environment)), 409, "instanceLabel")

    def test_a_gateway_of_another_organization_is_not_found(self, rest: Rest) -> None:
        refused(rest("POST", "AM", terraform(make_gateway())), 400, "not found")

    def test_the_number_of_queries_does_not_grow_with_the_list(self, rest: Rest, gateway: Gateway) -> None:
        make_api(gateway)
        with CaptureQueriesContext(connection) as one:
            rest("GET", "AM?limit=100")
        for _ in range(9):
            make_api(gateway)

        with CaptureQueriesContext(connection) as ten:
            rest("GET", "AM?limit=100")

        assert len(ten) == len(one)


class TestAccess:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "AM"),
            ("POST", "AM"),
            ("GET", "AM/{api}"),
            ("PATCH", "AM/{api}"),
            ("DELETE", "AM/{api}"),
            ("GET", "AM/{api}/policies"),
            ("POST", "AM/{api}/policies"),
            ("GET", "AM/{api}/upstreams"),
            ("GET", "AMX/gateway-targets"),
            ("GET", "PX/{api}/deployments"),
            ("POST", "PX/{api}/deployments"),
        ],
    )
    def test_another_organizations_ids_are_404(self, rest: Rest, method: str, path: str) -> None:
        foreign = make_api()
        path = path.format(api=foreign.pk)
        outsider = Rest(None, foreign.environment)
        outsider.headers = rest.headers

        refused(outsider(method, path, {}), 404)
        if "{api}" in path:
            refused(rest(method, path, {}), 404)
        assert ApiInstance.objects.filter(pk=foreign.pk).exists()

    def test_an_api_of_another_environment_is_404(self, rest: Rest, environment: Environment) -> None:
        other = make_api(make_gateway(make_environment(environment.organization)))

        refused(rest("GET", f"AM/{other.pk}"), 404)

    def test_an_id_beyond_any_row_is_404(self, rest: Rest) -> None:
        refused(rest("GET", f"AM/{10**30}"), 404)

    def test_a_viewer_reads_and_does_not_write(self, environment: Environment, gateway: Gateway) -> None:
        user, api = make_user(), make_api(gateway)
        make_role(user, environment.organization, Role.Name.VIEWER)
        viewer = Rest(user, environment)

        assert viewer("GET", f"AM/{api.pk}").status_code == 200
        for method, path in (
            ("POST", "AM"),
            ("PATCH", f"AM/{api.pk}"),
            ("DELETE", f"AM/{api.pk}"),
            ("POST", f"AM/{api.pk}/policies"),
            ("PATCH", f"AM/{api.pk}/policies"),
            ("POST", f"PX/{api.pk}/deployments"),
        ):
            refused(viewer(method, path, {}), 403, "Manager or Administrator")

    def test_without_a_token_nothing_is_read(self, environment: Environment) -> None:
        refused(Rest(None, environment)("GET", "AM"), 401)


class TestPolicies:
    @pytest.fixture
    def path(self, gateway: Gateway) -> str:
        return f"AM/{make_api(gateway).pk}/policies"

    def test_applied_as_the_command_line_does(self, rest: Rest, path: str) -> None:
        made = rest("POST", path, policy())

        assert made.status_code == 201, made.data
        assert isinstance(made.data["id"], int)
        assert made.data["policyTemplateId"] == "rate-limiting"
        assert (made.data["assetVersion"], made.data["order"], made.data["disabled"]) == ("1.4.0", 1, False)
        assert made.data["configurationData"] == LIMITS
        assert made.data["implementationAsset"]["technology"] == "flexGateway"

    @pytest.mark.parametrize(
        "named",
        [
            {"policyTemplateId": "rate-limiting"},
            {"policyTemplateId": "rate-limiting-flex"},
            {"assetId": "rate-limiting-flex", "groupId": CATALOG_GROUP},
        ],
    )
    def test_applied_without_a_version(self, rest: Rest, path: str, named: dict[str, str]) -> None:
        made = rest("POST", path, {"configurationData": LIMITS, **named})

        assert made.status_code == 201, made.data
        assert made.data["assetId"] == "rate-limiting"
        assert made.data["assetVersion"]

    def test_listed_in_both_shapes(self, rest: Rest, path: str) -> None:
        rest("POST", path, policy())
        rest(
            "POST", path, policy(assetId="cors", policyTemplateId="cors", configurationData={}, disabled=True)
        )

        whole = rest("GET", f"{path}?fullInfo=false").data
        active = rest("GET", path).data

        assert [one["assetId"] for one in whole] == ["cors", "rate-limiting"]
        assert [one["order"] for one in whole] == [1, 2]
        assert [one["template"]["assetId"] for one in active["policies"]] == ["rate-limiting"]
        assert active["policies"][0]["configuration"] == LIMITS
        assert active["tiers"]["values"] == []

    def test_a_shape_that_does_not_exist_is_refused(self, rest: Rest, path: str) -> None:
        refused(rest("GET", f"{path}?fullInfo=half"), 400, "fullInfo", '"half"')

    def test_edited_as_the_command_line_does(self, rest: Rest, path: str) -> None:
        made = rest("POST", path, policy()).data
        config = {"rateLimits": [{"maximumRequests": 9, "timePeriodInMilliseconds": 1000}]}

        body = policy(configurationData=config, id=made["id"])
        changed = rest("PATCH", f"{path}/{made['id']}", body)

        assert changed.status_code == 200, changed.data
        assert rest("GET", f"{path}/{made['id']}").data["configurationData"] == config

    def test_edited_to_another_version_as_terraform_does(self, rest: Rest, path: str) -> None:
        made = rest("POST", path, policy()).data

        changed = rest("PATCH", f"{path}/{made['id']}", {"assetVersion": "1.4.1"}).data

        assert (changed["assetVersion"], changed["configurationData"]) == ("1.4.1", LIMITS)
        assert rest("PATCH", f"{path}/{made['id']}", {"label": "a"}).data["assetVersion"] == "1.4.1"

    def test_disabled_enabled_and_removed(self, rest: Rest, path: str) -> None:
        one = f"{path}/{rest('POST', path, policy()).data['id']}"

        assert rest("PATCH", one, {"disabled": True}).data["disabled"] is True
        assert rest("PATCH", one, {"disabled": False}).data["disabled"] is False
        assert rest("GET", one).data["configurationData"] == LIMITS
        assert rest("DELETE", one).status_code == 204
        refused(rest("GET", one), 404)

    def test_ordered_through_the_collection(self, rest: Rest, path: str) -> None:
        first = rest("POST", path, policy()).data["id"]
        ips = policy(assetId="ip-allowlist", configurationData={"ips": ["10.0.0.0/8"]})
        second = rest("POST", path, ips).data["id"]

        answer = rest("PATCH", path, [{"id": second, "order": 1}, {"id": first, "order": 2}])

        assert answer.status_code == 200
        assert [one["id"] for one in rest("GET", f"{path}?fullInfo=false").data] == [second, first]
        refused(rest("PATCH", path, [{"id": second, "order": 1}]), 400, "each policy")
        refused(rest("PATCH", path, {"id": second}), 400)

    def test_a_duplicate_needs_to_be_allowed(self, rest: Rest, path: str) -> None:
        rest("POST", path, policy())

        refused(rest("POST", path, policy()), 409, "edit it instead")
        assert rest("POST", f"{path}?allowDuplicated=true", policy()).status_code == 201

    def test_conditions_go_in_and_out(self, rest: Rest, path: str) -> None:
        pointcut = [{"methodRegex": "GET|PUT", "uriTemplateRegex": "/users.*"}]
        made = rest("POST", path, policy(pointcutData=pointcut)).data

        assert made["pointcutData"] == pointcut
        assert rest("PATCH", f"{path}/{made['id']}", {"pointcutData": None}).data["pointcutData"] is None

    def test_a_secret_is_never_given_back(self, rest: Rest, path: str) -> None:
        config = {"username": "ada", "password": "s3cr3t-value"}
        body = {"assetId": "http-basic-authentication", "configurationData": config}

        made = rest("POST", path, body)

        assert "s3cr3t-value" not in made.content.decode()
        listed = rest("GET", f"{path}?fullInfo=false").content + rest("GET", path).content
        assert b"s3cr3t-value" not in listed
        again = rest("PATCH", f"{path}/{made.data['id']}", {"configurationData": {"username": "bob"}})
        assert again.status_code == 200, again.data

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"assetId": "rate-limitting"}, 'did you mean "rate-limiting"?'),
            ({"assetId": None, "policyTemplateId": None}, "Name the policy"),
            ({"configurationData": {}}, "configurationData.rateLimits"),
            ({"configurationData": []}, "configurationData"),
            (
                {"configurationData": LIMITS | {"keySelector": "#[attributes."}},
                "configurationData.keySelector",
            ),
            ({"pointcutData": [{"methodRegex": "("}]}, "pointcutData.0.methodRegex"),
            ({"pointcutData": [None]}, "pointcutData.0: This field may not be null."),
            (
                {"pointcutData": [{"uriTemplate": "/a"}]},
                'pointcutData.0.uriTemplate: There is no such field; did you mean "uriTemplateRegex"?',
            ),
            ({"groupId": "11111111-1111-1111-1111-111111111111"}, "holds no policies"),
            ({"upstreamIds": ["a"]}, "Outbound"),
        ],
    )
    def test_bad_bodies_are_refused(self, rest: Rest, path: str, fields: dict[str, Any], words: str) -> None:
        refused(rest("POST", path, policy(**fields)), 400, words)

        assert rest("GET", f"{path}?fullInfo=false").data == []

    def test_the_catalog_is_an_array(self, rest: Rest, environment: Environment) -> None:
        base = f"/apimanager/api/v1/organizations/{environment.organization_id}/policy-templates"

        found = rest("GET", base).data

        entry = next(one for one in found if one["id"] == "rate-limiting")
        assert entry["configuration"][0]["propertyName"] == "rateLimits"
        assert entry["configuration"][0]["optional"] is False
        assert rest("GET", f"{base}/rate-limiting-flex").data == entry
        limits, selector = entry["configuration"][:2]
        assert (limits["type"], limits["allowMultiple"]) == ("object", True)
        assert [one["type"] for one in limits["configuration"]] == ["integer", "integer"]
        assert (selector["type"], selector["optional"], selector["allowMultiple"]) == ("string", True, False)
        refused(rest("GET", f"{base}/nothing"), 404)


class TestDeployments:
    def test_deployed_as_the_command_line_does(
        self, rest: Rest, environment: Environment, gateway: Gateway
    ) -> None:
        api = rest("POST", "AM", manage(environment)).data["id"]
        target = rest("GET", f"AMX/gateway-targets/{gateway.pk}?enviromentId=x&targetId={gateway.pk}").data
        assert (target["name"], target["type"], bool(target["gatewayVersion"])) == ("edge-1", "server", True)
        assert rest("GET", f"PX/{api}/deployments").data == []

        body = {
            "type": "HY",
            "gatewayVersion": target["gatewayVersion"],
            "targetId": target["id"],
            "targetName": target["name"],
            "targetType": "server",
            "environmentId": str(environment.pk),
            "environmentName": environment.name,
        }
        made = rest("POST", f"PX/{api}/deployments", body)

        assert made.status_code == 201, made.data
        assert isinstance(made.data["id"], int)
        assert rest("GET", f"AM/{api}").data["deployment"]["targetName"] == "edge-1"
        refused(rest("POST", f"PX/{api}/deployments", body), 400, "redeploy")

    def test_another_environment_than_the_addresss_is_refused(
        self, rest: Rest, environment: Environment, gateway: Gateway
    ) -> None:
        body = {"targetId": str(gateway.pk), "environmentId": str(make_environment().pk)}
        whole = rest("POST", "AM", manage(environment) | {"deployment": body})
        api = rest("POST", "AM", manage(environment)).data["id"]

        made = rest("POST", f"PX/{api}/deployments", body)

        refused(whole, 400, "deployment.environmentId: ", f"write {environment.pk}, or leave it out")
        refused(made, 400, f"write {environment.pk}, or leave it out")
        assert made.data["errors"][0]["field"] == "environmentId"

    def test_a_new_deployment_is_deployed(
        self, rest: Rest, environment: Environment, gateway: Gateway
    ) -> None:
        api = rest("POST", "AM", manage(environment)).data["id"]
        body = {"targetId": str(gateway.pk), "expectedStatus": "undeployed"}

        refused(rest("POST", f"PX/{api}/deployments", body), 400, "expectedStatus", "PATCH or DELETE")

    def test_redeployed_and_undeployed(self, rest: Rest, gateway: Gateway) -> None:
        api = rest("POST", "AMX/apis", terraform(gateway)).data["id"]
        [deployment] = rest("GET", f"PX/{api}/deployments").data
        path = f"PX/{api}/deployments/{deployment['id']}"

        again = rest("PATCH", path, deployment)
        assert (again.status_code, Gateway.objects.get().generation) == (200, 2)
        undeployed = rest("PATCH", path, {"expectedStatus": "undeployed"})

        assert undeployed.data["expectedStatus"] == "undeployed"
        assert rest("GET", f"AM/{api}").data["deployment"] is None
        assert rest("DELETE", path).status_code == 204

    def test_targets_are_the_environments_own(self, rest: Rest, gateway: Gateway) -> None:
        foreign = make_gateway()

        found = rest("GET", "AMX/gateway-targets").data

        assert [target["id"] for target in found["data"]] == [str(gateway.pk)]
        assert found["data"][0]["status"] == "DISCONNECTED"
        refused(rest("GET", f"AMX/gateway-targets/{foreign.pk}"), 404, "not found")

    def test_a_wrong_deployment_is_404(self, rest: Rest, gateway: Gateway) -> None:
        api = rest("POST", "AMX/apis", terraform(gateway)).data["id"]

        refused(rest("PATCH", f"PX/{api}/deployments/{api + 1}", {}), 404)
