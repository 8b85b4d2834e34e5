"""`route` and `route-weighted` bindings, selectors of services and shares of traffic."""

from collections import Counter

import pytest

from tests.traffic.gateway import Gateway
from tests.traffic.upstream import echo

pytestmark = pytest.mark.envoy

ORDERS = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders, namespace: shop}
spec: {address: "http://127.0.0.1:${port}/orders"}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Service
metadata: {name: v1, namespace: shop}
spec: {address: "${upstream}"}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Service
metadata: {name: v2, namespace: shop}
spec: {address: "UPSTREAM2"}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: default, namespace: shop}
spec:
  targetRef: {name: orders}
  policyRef: {name: route, namespace: default}
  order: 20
  config: {destinationRef: {name: v1, namespace: shop}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: canary, namespace: shop}
spec:
  targetRef: {name: orders}
  policyRef: {name: route-weighted, namespace: default}
  order: 10
  rules: [{headers: {x-beta: "1|true"}}]
  config:
    routes:
    - {weight: 9, destinationRef: {name: v1}, destinationPath: PATH1}
    - {weight: 3, destinationRef: {name: v2}, destinationPath: PATH2}
"""


@pytest.mark.parametrize(("path1", "path2"), [("/", "/"), ("/a", "/b")])
def test_traffic_is_shared_by_weight(gateway: Gateway, path1: str, path2: str) -> None:
    with echo("v2") as second:
        text = ORDERS.replace("UPSTREAM2", second.url).replace("PATH1", path1).replace("PATH2", path2)
        assert gateway.apply(text).resources[0].reason == ""

        before = len(gateway.log(0))

        answers = [gateway.get("/orders/x", headers={"x-beta": "1"}).json() for _ in range(400)]

    counts = Counter((answer["name"], answer["path"]) for answer in answers)
    assert Counter(key.service for key in gateway.log(before + 400)[before:] if key) == {
        "v1": counts["echo", f"{path1.rstrip('/')}/x"],
        "v2": counts["v2", f"{path2.rstrip('/')}/x"],
    }
    expected = {("echo", f"{path1.rstrip('/')}/x"), ("v2", f"{path2.rstrip('/')}/x")}
    assert set(counts) == expected
    share = counts["v2", f"{path2.rstrip('/')}/x"] / 400
    assert 0.15 < share < 0.35


def test_lower_order_is_asked_first(gateway: Gateway) -> None:
    with echo("v2") as second:
        text = ORDERS.replace("UPSTREAM2", second.url).replace("PATH1", "/p").replace("PATH2", "/p")
        gateway.apply(text)

        plain = gateway.get("/orders/x").json()["path"]
        beta = gateway.get("/orders/x", headers={"x-beta": "true"}).json()["path"]

    assert (plain, beta) == ("/x", "/p/x")
