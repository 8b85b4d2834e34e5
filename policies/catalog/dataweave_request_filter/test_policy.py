"""What scripts say of requests, what they answer, and what becomes of those that fail."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.traffic.gateway import Gateway, running_gateway

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: NAME}
spec:
  address: http://127.0.0.1:${port}/NAME
  services: {upstream: {address: "${upstream}"}}
  policies: [{policyRef: {name: dataweave-request-filter-flex}, MORE}]
---
"""
SCRIPTS = {
    "text": "{success: false, response: {statusCode: 451, body: 'no \\u00e9'}}",
    "json": r"""{success: false, response: {body: {b: [1, 1.5, true, {}], 'a"': 'x\n'}}}""",
    "bare": "{success: false}",
    "type": "{success: false, response: {body: '<a/>', headers: {'Content-Type': 'text/xml'}}}",
    "number": "1",
    "unsure": "{success: 'yes'}",
    "status": "{success: false, response: {statusCode: 42}}",
    "broken": "{success: attributes.headers['x-a'] < 1}",
    "empty": "{success: false, response: {statusCode: 204}}",
    "wordy": "{success: false, response: {statusCode: 204, body: 'x'}}",
    "split": "{success: false, response: {headers: {'x-a': attributes.queryParams.a}}}",
    "length": "{success: false, response: {headers: {'Content-Length': '5'}}}",
}
READ = {
    "price": "{success: (payload.items[1].price default 0) == 7}",
    "size": "{success: sizeOf(payload) == 3}",
    "nothing": "{success: (payload default 'none') == 'none'}",
}


def api(name: str, script: str, more: str = "", binding: str = "") -> str:
    quoted = script.replace("'", "''")
    return API.replace("NAME", name).replace("MORE", f"config: {{script: '{quoted}'{more}}}{binding}")


APIS = "".join(
    [
        *(api(name, one) for name, one in SCRIPTS.items()),
        *(api(name, one, ", requiresPayload: true") for name, one in READ.items()),
        api("observed", "{success: false}", binding=", mode: observe"),
        api("some", "{success: false}", binding=", rules: [{methods: POST}]"),
    ]
).removesuffix("---\n")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(APIS, tmp_path_factory.mktemp("gateway")) as running:
        yield running


def answered(gateway: Gateway, path: str) -> tuple[int, str, str]:
    answer = gateway.get(path)
    return answer.status_code, answer.headers.get("content-type", ""), answer.text


def test_scripts_answer(gateway: Gateway) -> None:
    text, json = "text/plain; charset=utf-8", "application/json"

    assert answered(gateway, "/text") == (451, text, "no é")
    assert answered(gateway, "/json") == (400, json, r'{"a\"": "x\n", "b": [1, 1.5, true, {}]}')
    assert answered(gateway, "/bare") == (400, "", "")
    assert answered(gateway, "/empty") == (204, "", "")
    assert answered(gateway, "/type") == (400, "text/xml", "<a/>")


@pytest.mark.parametrize("name", ["number", "unsure", "status", "wordy", "broken", "split", "length"])
def test_scripts_that_fail_refuse(gateway: Gateway, name: str) -> None:
    answer = gateway.get(f"/{name}?a=x%0D%0Ay")

    assert (answer.status_code, answer.json()) == (400, {"error": "The request cannot be judged."})


def test_bodies_are_values(gateway: Gateway) -> None:
    def status(name: str, content: str, kind: str = "application/json") -> int:
        return gateway.post(f"/{name}", content=content.encode(), headers={"content-type": kind}).status_code

    assert status("price", '{"items": [{}, {"price": 7}]}') == 200
    assert status("price", '{"items": [{"price": 7}]}') == 400
    assert status("size", "[1, null, 3]") == 200
    assert status("size", "éöü", "text/plain") == 200
    assert status("size", "[1, 2]") == 400
    assert status("nothing", "null") == 200
    assert gateway.get("/nothing").status_code == 200
    zipped = {"content-encoding": "br"}
    assert gateway.post("/size", content=b"x", headers=zipped).status_code == 415


def test_conditions_hold(gateway: Gateway) -> None:
    assert gateway.get("/some").status_code == 200
    assert gateway.post("/some", content=b"x").status_code == 400


def test_the_log_tells(tmp_path: Path) -> None:
    with running_gateway(APIS, tmp_path) as gateway:
        statuses = [gateway.get(f"/{name}").status_code for name in ("observed", "text", "broken")]

        assert statuses == [200, 451, 400]
        assert gateway.reasons(3) == [
            ["filter: the script answers with 400"],
            ["filter: the script answers with 451"],
            ["script: < does not take Null, Number"],
        ]
