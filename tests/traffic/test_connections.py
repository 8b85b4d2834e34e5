"""Limits, protocols and the end of connections, through a real Envoy."""

import json
import socket
import threading
from pathlib import Path

import httpx
import pytest

from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.raw import upgrade

pytestmark = pytest.mark.envoy

API = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {backend: {address: "UPSTREAM"}}
---
"""
PROBE = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Configuration
metadata: {name: health}
spec: {probe: {enabled: true, port: PORT}}
---
"""
GUARD = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: guard}
spec:
  targetRef: {name: a}
  policyRef: {name: http-basic-authentication}
  config: {username: ann, password: secret}
"""
ECHO = API.replace("UPSTREAM", "${upstream}")


def test_too_large_headers_are_431(gateway: Gateway) -> None:
    gateway.apply(ECHO)

    assert gateway.get("/a", headers={"x-large": "x" * 50_000}).status_code == 200
    assert gateway.get("/a", headers={"x-large": "x" * 62_000}).status_code == 431


def test_unreachable_upstream_is_503_in_json(gateway: Gateway) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gateway.apply(API.replace("UPSTREAM", f"http://127.0.0.1:{closed.getsockname()[1]}"))

        answer = gateway.get("/a")

    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"] == "The upstream cannot be reached, or gave no answer."
    assert answer.headers["server"] == "gatewright"


def test_unknown_host_of_an_upstream_does_not_hold_up_its_neighbours(gateway: Gateway) -> None:
    other = API.replace("UPSTREAM", "http://no-such-host.invalid").replace("name: a", "name: b")

    ack = gateway.apply(ECHO + other.replace("}/a", "}/b"))

    assert ack.applied
    assert (gateway.get("/a").status_code, gateway.get("/b").status_code) == (200, 503)


def test_cleartext_http2_is_spoken(gateway: Gateway) -> None:
    gateway.apply(ECHO)
    empty_settings = b"\0\0\0\4\0\0\0\0\0"

    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + empty_settings)
        frame_type = client.recv(9)[3]

    assert frame_type == 4


def test_websocket_upgrade_goes_through(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        upstream = f"http://127.0.0.1:{server.getsockname()[1]}"
        threading.Thread(target=upgrade, args=(server,), daemon=True).start()
        gateway.apply(API.replace("UPSTREAM", upstream))
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
            client.sendall(
                b"GET /a/chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
                b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            head = client.recv(4096)
            client.sendall(b"hello")
            echoed = client.recv(5)

    assert head.startswith(b"HTTP/1.1 101 ")
    assert echoed == b"hello"


def test_draining_gateway_says_goodbye(tmp_path: Path) -> None:
    with running_gateway(ECHO + PROBE.replace("PORT", "${port2}"), tmp_path) as gateway:
        probe = f"http://127.0.0.1:{gateway.names['port2']}/probes/readiness"
        before = gateway.get("/a"), httpx.get(probe)

        gateway.envoy.drain()

        after = gateway.get("/a"), httpx.get(probe)

    assert [answer.status_code for answer in before] == [200, 200]
    assert [answer.status_code for answer in after] == [200, 503]
    assert "connection" not in before[0].headers
    assert after[0].headers["connection"] == "close"


def test_gateway_without_apis_is_not_ready(tmp_path: Path) -> None:
    with running_gateway(PROBE.replace("PORT", "${port2}"), tmp_path) as gateway:
        answer = httpx.get(f"http://127.0.0.1:{gateway.names['port2']}/probes/readiness")

    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("request_head", "connection"),
    [
        (b"GET /a HTTP/1.0\r\n\r\n", b"close"),
        (b"GET /a HTTP/1.0\r\nhost: x\r\n\r\n", b"close"),
        (b"GET /a HTTP/1.0\r\nhost: x\r\nconnection: keep-alive\r\n\r\n", b"keep-alive"),
    ],
)
def test_http_1_0_is_served(gateway: Gateway, request_head: bytes, connection: bytes) -> None:
    gateway.apply(ECHO)

    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        client.sendall(request_head)
        answer = client.recv(65536)

    assert answer.startswith(b"HTTP/1.0 200 ")
    assert b"\r\nconnection: %b\r\n" % connection in answer
    assert b"\r\ntransfer-encoding:" not in answer


def test_http_1_0_avoids_no_policy(gateway: Gateway) -> None:
    gateway.apply(ECHO + GUARD)

    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        client.sendall(b"GET /a HTTP/1.0\r\n\r\n")

        assert client.recv(65536).startswith(b"HTTP/1.0 401 ")


UPGRADE = (
    b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize(
    ("head", "status", "closes"),
    [
        (b"GET /a HTTP/1.1\r\n\r\n", 400, True),
        (b"GET /a HTTP/1.1\r\nhost: x\r\nx: %b\r\n\r\n" % (b"y" * 70_000), 431, True),
        (b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400, True),
        (b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n", 404, False),
        (b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n", 404, False),
        (b"CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n", 404, True),
        (b"GET /a HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n", 403, True),
        (b"GET /a?status=200 HTTP/1.1\r\nhost: x\r\n%b\r\n" % UPGRADE, 200, True),
        (b"GET /a?status=302 HTTP/1.1\r\nhost: x\r\n%b\r\n" % UPGRADE, 302, True),
    ],
)
def test_no_error_is_without_words(gateway: Gateway, head: bytes, status: int, closes: bool) -> None:
    gateway.apply(ECHO)

    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as client:
        client.sendall(head)
        answer = client.recv(65536)

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert json.loads(body)["error"].strip()
    assert (b"\r\nconnection: close" in head) == closes
