"""What clients send, and how an answer that refuses is checked."""

from typing import Any

from console.models import Environment
from gateways.models import Gateway
from policies.policy import CATALOG_GROUP

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
