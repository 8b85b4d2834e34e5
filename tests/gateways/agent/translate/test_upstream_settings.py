"""What is said of a Service's settings, beside the policies that are bound to it."""

from typing import Any

import pytest

from gateways.agent.sources.files import load_text
from gateways.agent.translate.apis import LastTranslation, Translation, translate

TEXT = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec: {address: "http://0.0.0.0:8081/orders"}
---
apiVersion: gatewright.dev/v1alpha1
kind: Service
metadata: {name: erp}
spec: {address: "http://erp:9000", %s}
---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: way}
spec: {targetRef: {name: orders}, policyRef: {name: route}, config: {destinationRef: {name: erp}}}
"""
BINDING = """
---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: health}
spec: {targetRef: {kind: Service, name: %s}, policyRef: {name: %s}, config: {path: /health}}
"""
FAILOVER = "failover: {address: 'spare:9000'}"
NAMES = ("health-check", "health-check-flex")


def told(text: str, last: LastTranslation | None = None) -> list[str]:
    return [str(one) for one in _translated(text, last).faults]


def _translated(text: str, last: LastTranslation | None = None) -> Translation:
    return translate(load_text(text).resources, *([last] if last else []))


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_tells_when_a_failover_is_needed(name: str) -> None:
    assert told(TEXT % FAILOVER + BINDING % ("erp", name)) == []


@pytest.mark.parametrize("algorithm", ["roundRobin", "consistentHash", "sticky"])
def test_a_failover_that_nobody_tells_of_is_warned_about(algorithm: str) -> None:
    warned = told(TEXT % f"{FAILOVER}, loadBalancing: {{algorithm: {algorithm}}}")

    assert any("gets no POST or PATCH while nobody knows that it is needed" in one for one in warned)


def test_the_warning_goes_and_comes_with_the_policy() -> None:
    plain = load_text(TEXT % FAILOVER).resources
    guarded = [*plain, *load_text(BINDING.replace("---", "") % ("erp", "health-check")).resources]
    last = LastTranslation()

    counts = [len(translate(one, last).faults) for one in (plain, guarded, plain)]

    assert counts == [1, 0, 1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("healthCheck: {kind: tcp}", "policy health-check of this upstream says it too"),
        ("hosts: [{address: 'a:80'}, {address: 'b:80'}]", "policy health-check is for one host"),
    ],
)
def test_an_alias_of_a_policy_is_that_policy(name: str, given: str, said: str) -> None:
    found: dict[Any, str] = dict(_translated(TEXT % given + BINDING % ("erp", name)).refused)

    assert list(found) == [("default", "orders")]
    assert said in found["default", "orders"]
