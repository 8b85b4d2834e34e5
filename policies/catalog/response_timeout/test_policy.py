"""Slow upstreams, with one time and with several."""

import pytest

from tests.traffic.gateway import Gateway
from tests.traffic.scripted import scripted

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {upstream: {address: "UPSTREAM"}}
  policies: [POLICIES]
"""
ONE = "{policyRef: {name: response-timeout-flex}, config: {timeout: SECONDS}}"


@pytest.mark.parametrize(("seconds", "status"), [(["0.3"], 504), (["30"], 200), (["30", "0.3", "20"], 504)])
def test_the_shortest_time_holds(gateway: Gateway, seconds: list[str], status: int) -> None:
    policies = ", ".join(ONE.replace("SECONDS", one) for one in seconds)
    with scripted() as upstream:
        ack = gateway.apply(API.replace("UPSTREAM", upstream.url).replace("POLICIES", policies))
        assert not [one.reason for one in ack.resources if one.reason]

        assert gateway.get("/a/late", timeout=30).status_code == status
        assert len(upstream.asked) == 1
