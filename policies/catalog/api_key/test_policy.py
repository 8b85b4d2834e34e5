"""API Key through a whole gateway: what the upstream gets, the log, observing, conditions, changes."""

from pathlib import Path

import pytest

from tests.traffic.gateway import Gateway, running_gateway

pytestmark = pytest.mark.envoy
KEY, OTHER = "0123456789abcdef", "fedcba9876543210"
API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://127.0.0.1:${port}/orders
  services: {echo: {address: "${upstream}"}}
  policies:
  - policyRef: {name: api-key-flex}
    config: CONFIG
"""
WRITTEN = f'{{knownFrom: keys, keys: "ann: {KEY}\\nbob: {OTHER}"}}'
IN_QUERY = WRITTEN[:-1] + ", keyOrigin: query}"
CONTRACT = f"""---
apiVersion: gatewright.dev/v1alpha1
kind: Contract
metadata: {{name: orders-shop}}
spec: {{apiId: orders, client: {{id: {KEY}, name: Web shop}}}}
"""


def api(config: str) -> str:
    return API.replace("CONFIG", config)


def asked(gateway: Gateway, key: str, path: str = "/orders") -> int:
    return gateway.get(path, headers={"x-api-key": key}).status_code


def test_the_upstream_gets_the_name_and_no_key(tmp_path: Path) -> None:
    with running_gateway(api(WRITTEN), tmp_path) as gateway:
        answer = gateway.get("/orders", headers={"x-api-key": KEY, "x-consumer-name": "bob"})

        assert answer.status_code == 200
        assert KEY not in answer.text
        assert answer.json()["headers"]["x-consumer-name"] in ("ann", ["ann"])
        assert asked(gateway, KEY.upper()) == 401


def test_a_key_in_the_query_is_taken_out_of_it(tmp_path: Path) -> None:
    with running_gateway(api(IN_QUERY), tmp_path) as gateway:
        answer = gateway.get(f"/orders/42?a=1&api_key={OTHER}&b=2")

        assert (answer.status_code, answer.json()["path"]) == (200, "/42?a=1&b=2")
        assert gateway.get(f"/orders/42?api_key={OTHER}0").status_code == 401
        gateway.log(2)
        assert OTHER.encode() not in (gateway.envoy.state / "access.log").read_bytes()


def test_keys_stand_nowhere_in_envoys_configuration(tmp_path: Path) -> None:
    with running_gateway(api(WRITTEN), tmp_path) as gateway:
        asked(gateway, KEY)
        found = [path for path in gateway.envoy.state.rglob("*") if path.is_file()]
        assert [path.name for path in found if KEY.encode() in path.read_bytes()] == []


def test_a_contract_that_is_revoked_ends_its_key_on_an_open_connection(tmp_path: Path) -> None:
    with running_gateway(api("{}") + CONTRACT, tmp_path) as gateway:
        assert asked(gateway, KEY) == 200
        gateway.apply(api("{}"))
        assert asked(gateway, KEY) == 401


def test_the_log_has_the_name_and_the_reason(tmp_path: Path) -> None:
    with running_gateway(api(WRITTEN), tmp_path) as gateway:
        for key in (KEY, "stranger-key", ""):
            asked(gateway, key)
        assert gateway.reasons(3) == [[], ["key: stra... is nobody's"], ["key: there is none"]]
        assert [one.application for one in gateway.log(3) if one] == ["ann", "", ""]


def test_observing_lets_pass_and_nobody_else_names_the_caller(tmp_path: Path) -> None:
    with running_gateway(api(WRITTEN + "\n    mode: observe"), tmp_path) as gateway:
        answer = gateway.get("/orders", headers={"x-api-key": "wrong-key-0", "x-consumer-name": "ann"})

        assert answer.status_code == 200
        assert "x-consumer-name" not in answer.json()["headers"]
        assert answer.json()["headers"]["x-api-key"] == "wrong-key-0", "the upstream may know it"
        assert gateway.reasons(1) == [["key: wron... is nobody's"]]


def test_conditions_limit_it_to_resources(tmp_path: Path) -> None:
    with running_gateway(api(WRITTEN + "\n    rules: [{methods: POST}]"), tmp_path) as gateway:
        assert asked(gateway, "no") == 200
        assert gateway.post("/orders").status_code == 401
        assert gateway.post("/orders", headers={"x-api-key": KEY}).status_code == 200


def test_behind_it_requests_are_limited_by_the_tier_of_the_key(tmp_path: Path) -> None:
    limited = (
        api("{}")
        + """  - policyRef: {name: rate-limiting-sla-based}
    config: {clientIdExpression: "#[authentication.clientId]"}
"""
    )
    limits = "sla: {limits: [{maximumRequests: 1, timePeriodInMilliseconds: 3600000}]}"
    contract = CONTRACT.replace("name: Web shop}", f"name: Web shop}}, {limits}")
    contract = contract.replace(
        "orders-shop", "orders-shop, annotations: {gatewright/application-label: app-7}"
    )
    with running_gateway(limited + contract, tmp_path) as gateway:
        assert [asked(gateway, KEY), asked(gateway, KEY), asked(gateway, "no")] == [200, 429, 401]
        assert [one.application for one in gateway.log(3) if one] == ["app-7", "app-7", ""]


def test_a_call_with_the_key_of_a_contract_is_counted_by_its_label(tmp_path: Path) -> None:
    contract = CONTRACT.replace(
        "orders-shop", "orders-shop, annotations: {gatewright/application-label: app-7}"
    )
    with running_gateway(api("{}") + contract, tmp_path) as gateway:
        answer = gateway.get("/orders", headers={"x-api-key": KEY})
        assert answer.json()["headers"]["x-consumer-name"] == "Web shop"
        assert [one.application for one in gateway.log(1) if one] == ["app-7"]
