"""REST: gateways and templates of policies under the names by which older clients ask for them."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from console.models import Environment
from gateways.models import Gateway
from policies import catalog
from policies.policy import CATALOG_GROUP
from tests.apis.rest.bodies import refused
from tests.factories import make_api, make_environment, make_gateway, make_replica, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db
FLEX = "AMX/flex-gateway-targets"


@pytest.fixture
def targets(environment: Environment) -> str:
    start = f"/proxies/xapi/v1/organizations/{environment.organization_id}/deployment-targets"
    return f"{start}?environmentId={environment.pk}"


@pytest.fixture
def templates(environment: Environment) -> str:
    return f"/apimanager/xapi/v1/organizations/{environment.organization_id}/exchange-policy-templates"


class TestTargets:
    def test_they_are_an_array_with_the_replicas_counted(self, rest: Rest, gateway: Gateway) -> None:
        make_replica(gateway, version="1.2.3")
        make_replica(gateway, last_heartbeat_at=timezone.now() - timedelta(days=1))

        [one] = rest("GET", FLEX).data

        assert (one["id"], one["name"], one["status"]) == (str(gateway.pk), "edge-1", "CONNECTED")
        assert one["replicas"] == {"CONNECTED": 1, "DISCONNECTED": 1}
        assert one["organizationId"] == str(gateway.environment.organization_id)
        assert one["tags"] == [] and one["lastUpdate"].endswith("Z")

    def test_one_tells_its_versions_and_its_replicas_by_status(self, rest: Rest, gateway: Gateway) -> None:
        make_replica(gateway, version="1.2.3")

        one = rest("GET", f"{FLEX}/{gateway.pk}").data

        assert one["replicas"] == [{"status": "CONNECTED", "count": 1, "certificateExpirationDates": []}]
        assert (one["version"], one["versions"]) == ("1.2.3", ["1.2.3"])
        assert one == rest("GET", f"AMX/gateway-targets/{gateway.pk}").data

    def test_where_its_apis_listen_is_told(self, rest: Rest, gateway: Gateway) -> None:
        second = make_api(gateway, port=8082, base_path="/a")
        first = make_api(gateway, port=8081, base_path="/b", is_deployed=False)
        make_api(make_gateway(gateway.environment))

        found = rest("GET", f"{FLEX}/{gateway.pk}/apis").data

        assert found == {
            "instances": [
                {"id": first.pk, "port": 8081, "path": "/b"},
                {"id": second.pk, "port": 8082, "path": "/a"},
            ],
            "targetAllowsPortSharing": True,
        }

    def test_an_environments_are_had_by_the_organization(
        self, rest: Rest, gateway: Gateway, targets: str
    ) -> None:
        make_replica(gateway, version="1.2.3")
        make_gateway(make_environment(gateway.environment.organization))

        told = {"id": str(gateway.pk), "name": "edge-1", "type": "server", "gatewayVersion": "1.2.3"}

        assert rest("GET", targets).data == [told]
        refused(rest("GET", targets.partition("?")[0]), 400, "environmentId: This field is required.")
        refused(rest("GET", f"{targets}x"), 400, "environmentId")

    def test_a_revoked_one_is_no_target(self, rest: Rest, gateway: Gateway, targets: str) -> None:
        Gateway.objects.update(is_revoked=True)

        assert (rest("GET", FLEX).data, rest("GET", targets).data) == ([], [])
        refused(rest("GET", f"{FLEX}/{gateway.pk}"), 404, "not found")
        refused(rest("GET", f"{FLEX}/{gateway.pk}/apis"), 404)

    def test_others_find_none_of_them(self, rest: Rest, gateway: Gateway, targets: str) -> None:
        elsewhere = make_gateway()
        user = make_user()
        make_role(user, elsewhere.environment.organization)
        stranger = Rest(user, gateway.environment)

        for address in (FLEX, f"{FLEX}/{gateway.pk}", f"{FLEX}/{gateway.pk}/apis", targets):
            refused(stranger("GET", address), 404)
        refused(rest("GET", f"{FLEX}/{elsewhere.pk}"), 404)
        refused(rest("GET", f"{targets.partition('?')[0]}?environmentId={elsewhere.environment_id}"), 404)

    def test_who_sees_one_api_sees_no_gateways(self, gateway: Gateway, targets: str) -> None:
        api, user = make_api(gateway), make_user()
        place = {"environment": gateway.environment, "api": api}
        make_role(user, gateway.environment.organization, "api-viewer", **place)
        guest = Rest(user, gateway.environment)

        for address in (FLEX, f"{FLEX}/{gateway.pk}", f"{FLEX}/{gateway.pk}/apis", targets):
            refused(guest("GET", address), 403, "gateways")

    def test_many_cost_no_more_queries(self, rest: Rest, gateway: Gateway, targets: str) -> None:
        def asked() -> list[int]:
            counts = []
            for address in (FLEX, f"{FLEX}/{gateway.pk}/apis", targets):
                with CaptureQueriesContext(connection) as found:
                    assert rest("GET", address).status_code == 200
                counts.append(len(found))
            return counts

        make_api(gateway), make_replica(gateway)
        few = asked()
        for _ in range(5):
            make_replica(make_gateway(gateway.environment))
            make_api(gateway)

        assert asked() == few


class TestTemplates:
    def test_they_are_the_catalog(self, rest: Rest, templates: str) -> None:
        found = rest("GET", f"{templates}?latest=true&splitModel=true").data

        assert [one["assetId"] for one in found] == [one.name for one in catalog.policies()]
        limit = next(one for one in found if one["assetId"] == "rate-limiting")
        assert limit["groupId"] == CATALOG_GROUP
        assert limit["assetVersion"] == limit["version"] == catalog.find("rate-limiting").version
        assert next(one["propertyName"] for one in limit["configuration"]) == "rateLimits"

    def test_a_side_is_asked_for(self, rest: Rest, templates: str) -> None:
        outbound = rest("GET", f"{templates}?injectionPoint=outbound").data
        automated = rest("GET", f"{templates}?automatedOnly=true").data

        assert {one["injectionPoint"] for one in outbound} == {"outbound"}
        assert {one["injectionPoint"] for one in automated} == {"inbound"}
        assert len(outbound) + len(automated) == len(catalog.policies())
        refused(rest("GET", f"{templates}?injectionPoint=side"), 400, 'injectionPoint: "side" is none of')

    def test_one_is_of_a_group_and_a_version(self, rest: Rest, templates: str) -> None:
        version = catalog.find("cors").version

        one = rest("GET", f"{templates}/{CATALOG_GROUP}/cors/{version}").data

        assert (one["assetId"], one["assetVersion"]) == ("cors", version)
        refused(rest("GET", f"{templates}/{CATALOG_GROUP}/cors/0.0.1"), 404, "cors has no version 0.0.1")
        refused(rest("GET", f"{templates}/{CATALOG_GROUP}/corse/{version}"), 404, "corse")
        refused(rest("GET", f"{templates}/{uuid.uuid4()}/cors/{version}"), 404, "holds no policies")

    def test_another_organization_has_no_catalog_for_them(self, templates: str) -> None:
        user = make_user()
        make_role(user, make_environment().organization)

        refused(Rest(user)("GET", templates), 404)
        refused(Rest(user)("GET", f"{templates}/{CATALOG_GROUP}/cors/1.0.0"), 404)
