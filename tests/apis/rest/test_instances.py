"""REST: API instances are listed, made, changed and deleted."""

from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apis.assets.models import Asset
from apis.models import ApiInstance
from console.models import Environment
from gateways.models import Gateway
from tests.apis.rest.bodies import manage, refused, terraform
from tests.factories import make_api, make_gateway
from tests.rest import Rest

pytestmark = pytest.mark.django_db


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

    def test_put_has_the_place_of_what_was(self, rest: Rest, gateway: Gateway) -> None:
        body = terraform(
            gateway, tags=["eu"], description="All orders", instanceLabel="prod", deprecated=True
        )
        api = rest("POST", "AMX/apis", body).data
        whole = {"endpoint": {"proxyUri": "http://0.0.0.0:8081/next"}, "routing": api["routing"]}

        put = rest("PUT", f"AM/{api['id']}", whole)

        found = rest("GET", f"AM/{api['id']}").data
        assert put.status_code == 201 and put.data == found
        assert put.headers["ETag"] == rest("GET", f"AM/{api['id']}").headers["ETag"]
        assert (found["tags"], found["description"], found["instanceLabel"]) == ([], None, None)
        assert found["deprecated"] is False
        assert found["endpoint"]["proxyUri"] == "http://0.0.0.0:8081/next"
        assert (found["routing"], found["deployment"]["targetId"]) == (api["routing"], str(gateway.pk))

    def test_what_was_read_is_put_back_and_changes_nothing(self, rest: Rest, gateway: Gateway) -> None:
        made = rest("POST", "AMX/apis", terraform(gateway, tags=["eu"], instanceLabel="prod"))
        before = rest("GET", f"AM/{made.data['id']}").data

        after = rest("PUT", f"AM/{made.data['id']}", before).data

        different = {name for name in before if before[name] != after[name]}
        assert different <= {"audit", "deployment"}

    @pytest.mark.parametrize(
        ("left_out", "said"), [("endpoint", "endpoint.proxyUri"), ("routing", "one in endpoint.uri")]
    )
    def test_put_needs_where_it_listens_and_where_it_leads(
        self, rest: Rest, gateway: Gateway, left_out: str, said: str
    ) -> None:
        api = rest("POST", "AMX/apis", terraform(gateway)).data
        body = {name: api[name] for name in ("endpoint", "routing")}
        body["endpoint"] = body["endpoint"] | {"uri": None}
        del body[left_out]

        refused(rest("PUT", f"AM/{api['id']}", body), 400, said)
        assert rest("GET", f"AM/{api['id']}").data["routing"] == api["routing"]

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

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("orders-api", 1),
            ("PROD", 1),
            ("/ord", 1),
            (":8081/orders", 1),
            ("backend.test 8081", 1),
            ("9999", 0),
        ],
    )
    def test_searched_as_the_page_is(
        self, rest: Rest, environment: Environment, query: str, found: int
    ) -> None:
        rest("POST", "AM", manage(environment))

        assert rest("GET", f"AM?query={quote(query)}").data["total"] == found
        refused(rest("GET", f"AM?query={'x' * 201}"), 400, "query")

    def test_the_number_of_queries_does_not_grow_with_the_list(self, rest: Rest, gateway: Gateway) -> None:
        make_api(gateway)
        with CaptureQueriesContext(connection) as one:
            rest("GET", "AM?limit=100")
        for _ in range(9):
            make_api(gateway)

        with CaptureQueriesContext(connection) as ten:
            rest("GET", "AM?limit=100")

        assert len(ten) == len(one)
