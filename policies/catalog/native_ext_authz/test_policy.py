"""Servers that allow, refuse, are slow or away, over both protocols."""

import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import ThreadingHTTPServer
from typing import Any

import grpc
import pytest

from tests.ports import free_port
from tests.traffic.gateway import Gateway
from tests.traffic.upstream import Quiet, serving

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: asked}
spec:
  address: http://127.0.0.1:${port}/asked
  services: {upstream: {address: "${upstream}"}}
  policies: [{policyRef: {name: native-ext-authz-flex}, config: CONFIG}]
"""
CHECK = "/envoy.service.auth.v3.Authorization/Check"


class Judge(Quiet):
    """Allows whoever says x-user: ada. Keeps what it was asked."""

    asked: list[tuple[str, dict[str, str]]] = []

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked.append((self.path, headers))
        if headers.get("x-user") == "slow":
            time.sleep(1)
        is_allowed = headers.get("x-user") == "ada"
        self.send_response(200 if is_allowed else 402)
        body = b"" if is_allowed else b"pay first"
        told = {"x-role": "admin", "x-secret": "no", "content-length": str(len(body))}
        for name, value in told.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class Checks(grpc.GenericRpcHandler):
    """The same over gRPC; messages are taken apart and put together by hand."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        return grpc.unary_unary_rpc_method_handler(self.check) if details.method == CHECK else None

    def check(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        self.asked.append(request)
        if field(1, b"x-user") + field(2, b"ada") in request:
            option = field(1, field(1, b"x-role") + field(2, b"admin"))
            return field(1, b"") + field(3, field(2, option))
        refusal = field(1, varint(1, 402)) + field(3, b"pay first")
        return field(1, varint(1, 7)) + field(2, refusal)


def field(number: int, content: bytes) -> bytes:
    """Of protobuf's wire format, a message or a text of less than 16 KiB."""
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([size % 128 + 128, size // 128])
    return bytes([number * 8 + 2]) + length + content


def varint(number: int, value: int) -> bytes:
    return bytes([number * 8]) + (bytes([value]) if value < 128 else bytes([value % 128 + 128, value // 128]))


@pytest.fixture(scope="module")
def judge() -> Iterator[str]:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Judge)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="module")
def checks() -> Iterator[tuple[str, Checks]]:
    handler = Checks()
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"h2://127.0.0.1:{port}", handler
    server.stop(None)


def apply(gateway: Gateway, api: str = API, **config: Any) -> None:
    ack = gateway.apply(api.replace("CONFIG", json.dumps(config)))
    assert not ack.resources[0].reason, ack.resources


def test_over_http_the_server_decides(gateway: Gateway, judge: str) -> None:
    apply(
        gateway,
        uri=f"{judge}/v1",
        serverType="http",
        pathPrefix="/check",
        allowedHeaders=["x-user"],
        serviceRequestHeadersToAdd=[{"key": "x-from", "value": "gateway"}],
        serviceResponseUpstreamHeaders=["x-role"],
        serviceResponseClientHeadersOnSuccess=["x-role"],
    )
    Judge.asked.clear()

    allowed = gateway.get("/asked/x?y=1", headers={"x-user": "ada", "x-other": "1", "x-role": "forged"})
    refused = gateway.get("/asked/x", headers={"x-user": "bob"})

    assert allowed.status_code == 200
    assert allowed.json()["headers"]["x-role"] == allowed.headers["x-role"] == "admin"
    assert "x-secret" not in allowed.json()["headers"]
    assert (refused.status_code, refused.json()) == (402, {"error": "pay first"})
    path, headers = Judge.asked[0]
    assert path == "/v1/check/asked/x?y=1"
    assert headers["x-user"] == "ada"
    assert headers["x-from"] == "gateway"
    assert "x-other" not in headers


def test_over_grpc_the_server_decides(gateway: Gateway, checks: tuple[str, Checks]) -> None:
    uri, handler = checks
    apply(gateway, uri=uri)

    allowed = gateway.get("/asked/x", headers={"x-user": "ada"})
    refused = gateway.get("/asked/x", headers={"x-user": "bob"})

    assert allowed.status_code == 200
    assert allowed.json()["headers"]["x-role"] == "admin"
    assert (refused.status_code, refused.json()) == (402, {"error": "pay first"})
    assert b"/asked/x" in handler.asked[-1]


def test_over_grpc_only_the_named_headers_are_seen(gateway: Gateway, checks: tuple[str, Checks]) -> None:
    uri, handler = checks
    apply(gateway, uri=uri, allowedHeaders=["X-User"])

    assert gateway.get("/asked/x", headers={"x-user": "ada", "x-other": "7"}).status_code == 200

    assert b"x-user" in handler.asked[-1]
    assert b"x-other" not in handler.asked[-1]


@pytest.mark.parametrize(("kind", "scheme"), [("http", "http"), ("grpc", "h2")])
def test_nobody_passes_while_the_server_is_away(gateway: Gateway, kind: str, scheme: str) -> None:
    apply(gateway, uri=f"{scheme}://127.0.0.1:{free_port()}", serverType=kind)

    answer = gateway.get("/asked/x", headers={"x-user": "ada"})
    assert (answer.status_code, answer.json()) == (403, {"error": "Access is denied."})


def test_nobody_passes_while_the_server_is_slow(gateway: Gateway, judge: str) -> None:
    apply(gateway, uri=judge, serverType="http", allowedHeaders=["x-user"], requestTimeout=50)

    assert gateway.get("/asked/x", headers={"x-user": "slow"}).status_code == 403


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_what_only_observes_asks_and_lets_everybody_pass(
    gateway: Gateway, judge: str, checks: tuple[str, Checks], kind: str
) -> None:
    http = {"allowedHeaders": ["x-user"], "serviceResponseUpstreamHeaders": ["X-Role"]}
    uri, settings = (judge, http) if kind == "http" else (checks[0], {})
    observed = API.replace("CONFIG", "CONFIG, mode: observe")
    apply(gateway, observed, uri=uri, serverType=kind, **settings)
    before = len(gateway.reasons(0))

    allowed = gateway.get("/asked/x", headers={"x-user": "ada", "x-role": "forged"})
    denied = gateway.get("/asked/x", headers={"x-user": "bob", "x-role": "forged"})
    apply(gateway, observed, uri=f"http{'s' * (kind == 'grpc')}://127.0.0.1:{free_port()}", serverType=kind)
    away = gateway.get("/asked/x", headers={"x-user": "ada"})

    assert [one.status_code for one in (allowed, denied, away)] == [200, 200, 200]
    assert allowed.json()["headers"]["x-role"] == "admin"
    # Over gRPC the server names the header, and only where it allows.
    assert denied.json()["headers"].get("x-role") == (None if kind == "http" else "forged")
    none, denial, (unanswered,) = gateway.reasons(before + 3)[before:]
    assert (none, denial) == ([], ["decision: the server refused the request with 402"])
    assert re.fullmatch("server: no answer that can be read came within [0-9]+ ms", unanswered)
