"""Limits, protocols and the end of connections, through a real Envoy."""

import socket
import threading
from pathlib import Path

import httpx
import pytest

from tests.traffic.gateway import Gateway, running_gateway

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
    assert "upstream connect error" in answer.json()["error"]
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
        threading.Thread(target=upgrade_and_echo, args=(server,), daemon=True).start()
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


def upgrade_and_echo(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
        )
        connection.sendall(connection.recv(5))


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
