"""Rate Limiting: SLA based through a whole gateway: tiers that change, the log, observing, conditions."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.traffic.gateway import Gateway, running_gateway

pytestmark = pytest.mark.envoy
HOUR = 3_600_000
API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://127.0.0.1:${port}/orders
  services: {echo: {address: "${upstream}"}}
  policies:
  - policyRef: {name: rate-limiting-sla-based-flex}
"""


def contract(client: str, maximum: int, name: str = "") -> str:
    return f"""---
apiVersion: gatewright.dev/v1alpha1
kind: Contract
metadata: {{name: orders-{name or client}}}
spec:
  apiId: orders
  client: {{id: {client}, name: App of {client}}}
  sla: {{limits: [{{maximumRequests: {maximum}, timePeriodInMilliseconds: {HOUR}}}]}}
"""


def asked(gateway: Gateway, client: str, times: int = 1, path: str = "/orders") -> list[int]:
    return [gateway.get(path, headers={"client_id": client}).status_code for _ in range(times)]


def test_a_tier_that_changes_counts_on(tmp_path: Path) -> None:
    with running_gateway(API + contract("a", 2) + contract("b", 1), tmp_path, concurrency=2) as gateway:
        assert asked(gateway, "a", 3) == [200, 200, 429]
        assert asked(gateway, "b", 2) == [200, 429]

        gateway.apply(API + contract("a", 4) + contract("b", 1))
        assert asked(gateway, "a", 3) == [200, 200, 429]
        gateway.apply(API + contract("a", 3) + contract("b", 1))
        assert asked(gateway, "a") == [429]
        # Another client id of the same contract is the same application.
        gateway.apply(API + contract("a2", 5, name="a"))
        assert asked(gateway, "a2", 2) == [200, 429]
        assert asked(gateway, "a") + asked(gateway, "b") == [401, 401]


def test_refusals_tell_why_and_of_whom(tmp_path: Path) -> None:
    with running_gateway(API + contract("a", 1), tmp_path) as gateway:
        asked(gateway, "a", 2)
        asked(gateway, "x")
        (first,), (second,), (third,) = [one or [""] for one in gateway.reasons(3)]
        assert first == ""
        assert second.startswith("quota: 1 requests are used up for ")
        assert second.endswith(" more ms, for App of a")
        assert third == "client: ... has no contract with this API"
        assert [one.application for one in gateway.log(3) if one] == ["App of a", "App of a", ""]


def test_observing_counts_and_lets_pass(tmp_path: Path) -> None:
    text = API + "    mode: observe\n" + contract("a", 1)
    with running_gateway(text, tmp_path) as gateway:
        assert asked(gateway, "a", 2) + asked(gateway, "x") == [200, 200, 200]
        assert [bool(one) for one in gateway.reasons(3)] == [False, True, True]


def test_conditions_limit_it_to_resources(tmp_path: Path) -> None:
    text = API + "    rules: [{path: /limited}]\n" + contract("a", 1)
    with running_gateway(text, tmp_path) as gateway:
        assert asked(gateway, "x", 2, "/orders/free") == [200, 200]
        assert asked(gateway, "a", 2, "/orders/limited") == [200, 429]


def test_behind_client_id_enforcement_the_client_is_known(tmp_path: Path) -> None:
    both = API.replace(
        "  - policyRef: {name: rate-limiting-sla-based-flex}",
        """  - policyRef: {name: client-id-enforcement}
    config: {clientIdExpression: "#[attributes.headers['x-app']]", clientSecretExpression: ""}
  - policyRef: {name: rate-limiting-sla-based}
    config: {clientIdExpression: "#[authentication.clientId]"}""",
    )
    with running_gateway(both + contract("a", 1), tmp_path) as gateway:
        answers = [gateway.get("/orders", headers={"x-app": "a"}).status_code for _ in range(2)]

        assert answers == [200, 429]
        assert gateway.get("/orders", headers={"client_id": "a"}).status_code == 401


@pytest.mark.parametrize("threads", [2, 6])
def test_exactly_a_tiers_quota_passes_whatever_the_threads(tmp_path: Path, threads: int) -> None:
    tiers = {"a": 30, "b": 70}
    text = API + "".join(contract(client, most) for client, most in tiers.items())

    def send(client: str) -> Counter[tuple[str, int]]:
        """Over a connection of its own, which any thread may take."""
        with httpx.Client(trust_env=False) as one:
            url, headers = f"http://127.0.0.1:{gateway.port}/orders", {"client_id": client}
            return Counter((client, one.get(url, headers=headers).status_code) for _ in range(20))

    with running_gateway(text, tmp_path, concurrency=threads) as gateway, ThreadPoolExecutor(12) as pool:
        counted = sum(pool.map(send, list(tiers) * 6), Counter[tuple[str, int]]())

    assert {client: counted[client, 200] for client in tiers} == tiers
    assert {client: counted[client, 429] for client in tiers} == {"a": 90, "b": 50}
