"""A REST client of a running console, for tests on the whole of Gatewright."""

from typing import Any

import httpx

from tests.running import Stack


class Client:
    """A REST client of one environment of the console."""

    def __init__(self, stack: Stack) -> None:
        self.http = httpx.Client(base_url=stack.url, timeout=20)
        login = self.post("/accounts/login", {"username": stack.username, "password": stack.password})
        self.http.headers["Authorization"] = f"Bearer {login['access_token']}"
        self.organization = self.get("/accounts/api/me")["user"]["organization"]["id"]
        environments = self.get(f"/accounts/api/organizations/{self.organization}/environments")["data"]
        self.environment = next(one["id"] for one in environments if one["name"] == "Sandbox")
        scope = f"organizations/{self.organization}/environments/{self.environment}"
        self.apis = f"/apimanager/api/v1/{scope}/apis"
        self.targets = f"/apimanager/xapi/v1/{scope}/gateway-targets"
        self.deployments = f"/proxies/xapi/v1/{scope}/apis"
        self.analytics = f"/analytics/api/v1/{scope}/apis"

    def get(self, path: str) -> Any:
        return self._checked(self.http.get(path))

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._checked(self.http.post(path, json=body))

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        return self._checked(self.http.patch(path, json=body))

    def deploy(self, name: str, port: int, upstream: str, label: str = "") -> dict[str, Any]:
        """Add an API and deploy it to the gateway `local`; the API as the console told it."""
        made: dict[str, Any] = self.post(
            self.apis,
            {
                "technology": "flexGateway",
                "spec": {"groupId": self.organization, "assetId": name, "version": "1.0.0"},
                "instanceLabel": label,
                "endpoint": {
                    "type": "http-api",
                    "deploymentType": "HY",
                    "proxyUri": f"http://0.0.0.0:{port}/{name}",
                    "uri": upstream,
                },
            },
        )
        gateway = self.gateway
        deployment = {
            "type": "HY",
            "gatewayVersion": "1.0.0",
            "targetId": gateway["id"],
            "targetName": gateway["name"],
            "targetType": "server",
            "environmentId": self.environment,
            "environmentName": "Sandbox",
        }
        self.post(f"{self.deployments}/{made['id']}/deployments", deployment)
        return made

    @property
    def gateway(self) -> dict[str, Any]:
        """The gateway `local` as a deployment's target."""
        targets = self.get(self.targets)["data"]
        (found,) = [target for target in targets if target["name"] == "local"]
        return dict(found)

    @staticmethod
    def _checked(answer: httpx.Response) -> Any:
        assert answer.is_success, (
            f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        )
        return answer.json()
