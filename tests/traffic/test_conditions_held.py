"""How often the conditions of policies held, as the access log tells it."""

from collections import Counter

import pytest

from gateways.agent.traffic.labels import Labels
from gateways.agent.traffic.tally import Tally
from tests.traffic.gateway import Gateway
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

BINDING = """
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {{name: {name}}}
spec:
  targetRef: {{name: held}}
  order: {order}
  policyRef: {{name: {policy}}}
  config: {config}
  {rules}
"""
API = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: held}
spec:
  address: http://127.0.0.1:${port}/held
  services: {upstream: {address: "${upstream}"}}
"""
ADD = '{inboundHeaders: [{key: x-a, value: "1"}]}'


def binding(
    name: str, order: int, rules: str = "", policy: str = "header-injection", config: str = ADD
) -> str:
    return BINDING.format(name=name, order=order, rules=rules, policy=policy, config=config)


def test_each_policy_is_counted_when_its_conditions_hold(gateway: Gateway) -> None:
    gateway.apply(
        API
        + binding("orders-1", 1, "rules: [{path: /orders.*}]")
        + binding("always-2", 2)
        + binding("posts-3", 3, "rules: [{methods: POST}]")
        + binding("never-4", 4, "rules: [{path: /held/orders.*}]")
    )

    for path in ("/held/orders/1", "/held/orders/2", "/held/other"):
        assert gateway.get(path).status_code == 200
    assert gateway.post("/held/orders/3").status_code == 200

    assert counted(gateway, 4) == {"orders-1": 3, "posts-3": 1}


def test_a_policy_that_refuses_is_counted_too(gateway: Gateway) -> None:
    nobody = "{ips: [203.0.113.1]}"
    gateway.apply(API + binding("closed-7", 1, "rules: [{path: /closed}]", "ip-allowlist", nobody))

    assert gateway.get("/held/closed").status_code == 403
    assert gateway.get("/held/open").status_code == 200

    assert counted(gateway, 2) == {"closed-7": 1}


def test_a_policy_without_conditions_is_not_noted(gateway: Gateway) -> None:
    gateway.apply(API + binding("always-9", 1))

    assert gateway.get("/held/x").status_code == 200

    assert counted(gateway, 1) == {}


def counted(gateway: Gateway, requests: int) -> dict[str, int]:
    """Of the newest so many requests."""
    tally = Tally(Labels(), 10)
    log = gateway.envoy.state / "access.log"
    ends = log.read_bytes().count(b"/end\x1f")
    gateway.get("/held/end")
    wait_until(lambda: log.read_bytes().count(b"/end\x1f") > ends)
    for line in log.read_bytes().splitlines()[-requests - 1 : -1]:
        tally.add(line)
    batch = tally.batch("replica", "1", 0, 1)
    assert sum(count.requests for count in batch.counts) == requests and not batch.shed
    held = Counter[str]()
    for one in batch.conditions:  # Of each ten seconds.
        held[one.binding] += one.requests
    return dict(held)
