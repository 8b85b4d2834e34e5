"""REST: an API instance is deployed and undeployed."""

import pytest

from apis.models import ApiInstance
from console.models import Environment
from gateways.models import Gateway
from tests.apis.rest.bodies import manage, refused, terraform
from tests.factories import make_environment, make_gateway
from tests.gateways.replica import SigningReplica
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

    def test_put_says_all_of_it(self, rest: Rest, gateway: Gateway) -> None:
        api = rest("POST", "AMX/apis", terraform(gateway)).data["id"]
        [deployment] = rest("GET", f"PX/{api}/deployments").data
        other = make_gateway(gateway.environment, name="edge-2")
        path = f"PX/{api}/deployments/{api}"

        moved = rest("PUT", path, deployment | {"targetId": str(other.pk), "targetName": "edge-2"})

        assert (moved.status_code, moved.data["targetName"]) == (201, "edge-2")
        refused(rest("PUT", path, {"type": "HY"}), 400, "targetId")

    def test_its_status_is_asked_until_it_is_applied(self, rest: Rest) -> None:
        replica = SigningReplica()
        replica.gateway.environment = rest.environment
        replica.gateway.save()
        api = rest("POST", "AMX/apis", terraform(replica.gateway)).data["id"]
        path, row = f"PX/{api}/deployments/{api}", ApiInstance.objects.get(pk=api)

        def state() -> tuple[str, str, str]:
            found = rest("GET", f"{path}/status").data
            assert list(found) == ["status", "apiVersionStatus", "lastActiveDate", "message"]
            return found["status"], found["apiVersionStatus"], found["message"]

        def told(state: str, reason: str = "") -> None:
            running = 1 if state == "applied" else None
            said = {"namespace": str(row.environment_id), "name": row.resource_name, "state": state}
            replica.ack(1, said | {"reason": reason, "runningGeneration": running})

        waits = state()
        replica.heartbeat()
        told("refused", "port 8081 is in use")
        failed = state()
        told("applied")
        applied = state()
        rest("DELETE", path)
        gone = state()

        assert waits == ("applying", "inactive", "Waiting for a replica: the gateway is Disconnected")
        assert failed == ("failed", "inactive", "Refused by box-1: port 8081 is in use")
        assert applied == ("applied", "active", "Active")
        assert gone[0] == "undeployed"
        refused(rest("GET", f"PX/{api}/deployments/{api + 1}/status"), 404)
