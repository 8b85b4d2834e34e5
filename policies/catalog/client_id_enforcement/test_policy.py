"""Client ID Enforcement through a whole gateway: contracts as resources, changes, the access log."""

from pathlib import Path
from typing import Any

import pytest

from tests.traffic.gateway import Gateway, running_gateway
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://127.0.0.1:${port}/orders
  services: {echo: {address: "${upstream}"}}
"""
BINDING = """---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: clients}
spec:
  targetRef: {name: orders}
  policyRef: {name: client-id-enforcement-flex}
"""
GUARDED = API + BINDING


def contract(client: str, secret: str = "right", api: str = "orders", name: str = "", label: str = "") -> str:
    called = f", name: {name}" if name else ""
    labelled = f", annotations: {{gatewright/application-label: {label}}}" if label else ""
    return f"""---
apiVersion: gatewright.dev/v1alpha1
kind: Contract
metadata: {{name: "{api}-{client}"{labelled}}}
spec: {{apiId: {api}, client: {{id: {client}, secret: {secret}{called}}}}}
"""


def asked(gateway: Gateway, client: str, secret: str = "right", path: str = "/orders", **more: Any) -> int:
    headers = {"client_id": client, "client_secret": secret}
    return gateway.get(path, headers=headers, **more).status_code


def files(gateway: Gateway) -> dict[str, tuple[int, int]]:
    """What Envoy is configured by, and when it was written."""
    found = gateway.envoy.folder.glob("*.json")
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in found}


def test_contracts_come_and_go_while_routes_stay(tmp_path: Path) -> None:
    with running_gateway(GUARDED + contract("a"), tmp_path) as gateway:
        assert [asked(gateway, "a"), asked(gateway, "b"), asked(gateway, "a", "wrong")] == [200, 401, 401]
        before, pid = files(gateway), gateway.envoy.pid

        gateway.apply(GUARDED + contract("b") + contract("c"))
        assert [asked(gateway, "a"), asked(gateway, "b"), asked(gateway, "c")] == [401, 200, 200]
        gateway.apply(GUARDED + contract("c", "changed"))
        assert [asked(gateway, "b"), asked(gateway, "c"), asked(gateway, "c", "changed")] == [401, 401, 200]
        gateway.apply(GUARDED)
        assert asked(gateway, "c", "changed") == 401

        assert (files(gateway), gateway.envoy.pid) == (before, pid)


def test_a_contract_is_with_one_api(tmp_path: Path) -> None:
    other = GUARDED.replace("orders", "bills").replace("name: clients", "name: others")
    both = f"{GUARDED}---{other}"
    with running_gateway(both + contract("a") + contract("b", api="bills"), tmp_path) as gateway:
        assert [asked(gateway, "a"), asked(gateway, "a", path="/bills")] == [200, 401]
        assert [asked(gateway, "b"), asked(gateway, "b", path="/bills")] == [401, 200]


def test_contracts_of_an_api_that_is_refused_count_for_what_runs_of_it(tmp_path: Path) -> None:
    with running_gateway(GUARDED + contract("a"), tmp_path) as gateway:
        broken = GUARDED.replace("policyRef: {name: client-id-enforcement-flex}", "policyRef: {name: none}")
        ack = gateway.apply(broken + contract("b"))

        assert [one.state for one in ack.resources] == ["refused"]
        assert [asked(gateway, "a"), asked(gateway, "b")] == [401, 200]


def test_the_application_and_the_reason_are_in_the_access_log(tmp_path: Path) -> None:
    """The application by its label, where it has one: names may be given to several, and anew."""
    labelled = contract("b", name="Web shop", label="application-7")
    with running_gateway(GUARDED + contract("a", name="Web shop") + labelled, tmp_path) as gateway:
        asked(gateway, "a")
        asked(gateway, "b")
        asked(gateway, "b", "wrong")
        asked(gateway, "stranger-0123456")
        keys = gateway.log(4)
        assert [(one.application, one.policy, one.check) for one in keys if one] == [
            ("Web shop", "", ""),
            ("application-7", "", ""),
            ("", "client-id-enforcement", "secret"),
            ("", "client-id-enforcement", "client"),
        ]
        assert gateway.reasons(4) == [
            [],
            [],
            ["secret: it is not that of Web shop"],
            ["client: stra... has no contract with this API"],
        ]


def test_observing_lets_pass_and_tells(tmp_path: Path) -> None:
    observing = GUARDED.replace("spec:\n  targetRef", "spec:\n  mode: observe\n  targetRef")
    with running_gateway(observing + contract("a"), tmp_path) as gateway:
        assert [asked(gateway, "a"), asked(gateway, "b")] == [200, 200]
        assert gateway.reasons(2) == [[], ["client: ... has no contract with this API"]]


def test_conditions_limit_it_to_resources(tmp_path: Path) -> None:
    limited = GUARDED + "  rules: [{path: /private(/.*)?, methods: GET}]\n"
    with running_gateway(limited + contract("a"), tmp_path) as gateway:
        assert [asked(gateway, "b", path="/orders/open"), asked(gateway, "b", path="/orders/private")] == [
            200,
            401,
        ]
        assert asked(gateway, "b", path="/orders//private") in (400, 401)
        assert asked(gateway, "a", path="/orders/private/x") == 200


def test_what_was_known_of_the_caller_stays_known(tmp_path: Path) -> None:
    told = "#[authentication.principal ++ ' by ' ++ authentication.clientName]"
    spec = f"""  policies:
  - policyRef: {{name: http-basic-authentication}}
    config: {{username: ann, password: secret}}
  - policyRef: {{name: client-id-enforcement}}
    config: {{clientSecretExpression: ""}}
  - policyRef: {{name: header-injection}}
    config: {{inboundHeaders: [{{key: x-told, value: "{told}"}}]}}
"""
    with running_gateway(API + spec + contract("a", name="Shop"), tmp_path) as gateway:
        answer = gateway.get("/orders", headers={"client_id": "a"}, auth=("ann", "secret"))

        assert answer.json()["headers"]["x-told"] in ("ann by Shop", ["ann by Shop"])


def test_contracts_outlive_the_agent_and_envoy(tmp_path: Path) -> None:
    with running_gateway(GUARDED + contract("a"), tmp_path) as gateway:
        gateway.applier.documents.close()
        again = type(gateway.applier)(gateway.envoy)
        ack = again.restore()
        assert ack is not None and ack.applied
        assert [asked(gateway, "a"), asked(gateway, "b")] == [200, 401]

        for path in (gateway.envoy.state / "contracts").iterdir():
            path.unlink()
        again.retry()
        wait_until(lambda: asked(gateway, "a") == 200)
        assert asked(gateway, "b") == 401


def test_contracts_that_grant_nothing_are_told_and_the_others_count(tmp_path: Path) -> None:
    twice = contract("a") + contract("a", "other").replace("orders-a", "orders-again")
    with running_gateway(GUARDED + twice, tmp_path) as gateway:
        assert [asked(gateway, "a"), asked(gateway, "a", "other")] == [200, 401]
        assert gateway.applier.ungranted == (
            "Contract orders-again: spec.client.id: orders already has a contract with this client; it grants"
            " nothing",
        )
        gateway.apply(GUARDED + contract("a"))
        assert gateway.applier.ungranted == ()
