"""REST: an API instance is deployed and undeployed."""

import pytest

from console.models import Environment
from gateways.models import Gateway
from tests.apis.rest.bodies import manage, refused, terraform
from tests.factories import make_environment, make_gateway
from tests.rest import Rest

pytestmark = pytest.mark.django_db


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
