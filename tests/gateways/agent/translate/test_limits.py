"""`resourceLimits` and `circuitBreaker` of a Configuration."""

from typing import Any

import pytest

from gateways.agent.translate.apis import Translation, translate
from gateways.protocol.resources import RESOURCE, AnyResource

VERSION = "gatewright.dev/v1beta1"
DENY = {"policyRef": {"name": "access-block"}}


def api(name: str, policies: int = 0) -> AnyResource:
    spec = {
        "address": f"http://0.0.0.0:8081/{name}",
        "services": {"s": {"address": "http://a.example"}},
        "policies": [DENY] * policies,
    }
    metadata = {"name": name}
    return RESOURCE.validate_python(
        {"apiVersion": VERSION, "kind": "ApiInstance", "metadata": metadata, "spec": spec}
    )


def translated(spec: dict[str, Any], *apis: AnyResource) -> Translation:
    plain = {"apiVersion": VERSION, "kind": "Configuration", "metadata": {"name": "c"}, "spec": spec}
    return translate([*apis, RESOURCE.validate_python(plain)])


def test_an_api_beyond_the_limit_is_refused() -> None:
    found = translated({"resourceLimits": {"apiInstances": 2}}, api("a"), api("b"), api("c"))

    assert [one.name for one in found.gateway.apis] == ["a", "b"]
    assert "takes 2 APIs at most" in found.refused["default", "c"]


def test_an_api_whose_policies_have_no_room_is_refused_whole() -> None:
    found = translated({"resourceLimits": {"policies": 3}}, api("a", 2), api("b", 2), api("c", 1))

    assert [one.name for one in found.gateway.apis] == ["a", "c"]
    assert "takes 3 policies at most" in found.refused["default", "b"]


@pytest.mark.parametrize(
    "spec",
    [
        {"resourceLimits": {}},
        {"resourceLimits": {"apiInstances": 0}},
        {"resourceLimits": {"apis": 3}},
        {"circuitBreaker": {"thresholds": {}}},
        {"circuitBreaker": {"thresholds": {"maxConnections": 0}}},
        {"circuitBreaker": {"thresholds": {"maxPools": 1}}},
    ],
)
def test_a_limit_that_limits_nothing_is_a_fault(spec: dict[str, Any]) -> None:
    found = translated(spec, api("a"))

    assert [(one.kind, one.is_warning) for one in found.faults] == [("Configuration", False)]
    assert found.gateway.thresholds is found.gateway.most_apis is None
