"""Clients that send too much, too slowly or too often are refused; the others are served on."""

import json
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from gateways.agent.settings import Limits, Proxying
from tests.faults import http2
from tests.faults.holding import HoldingServer, holding
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.raw import connected
from tests.waiting import wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.faults]

API = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {backend: {address: "UPSTREAM"}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Configuration
metadata: {name: health}
spec: {probe: {enabled: true, port: ${port2}}}
"""
IMPATIENT = Proxying(stream_idle_seconds=1, request_headers_seconds=1, most_headers=60, most_streams=3)
FEW = Limits(connections=100)
KIB, MIB = 1024, 1024 * 1024
IDLE_CONNECTIONS = 3000
MOST_PER_CONNECTION = 32 * KIB


@pytest.fixture(scope="module")
def upstream() -> Iterator[HoldingServer]:
    with holding() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, upstream: HoldingServer) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with running_gateway(api(upstream), folder, proxying=IMPATIENT) as made:
        yield made
        assert made.envoy.restarts == 0


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many open files as this machine lets a process have; the test is left out where that is too few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * IDLE_CONNECTIONS + 500:
        pytest.skip(f"a process may open {hard} files here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def api(upstream: HoldingServer) -> str:
    return API.replace("UPSTREAM", upstream.url)


def test_too_many_headers_are_431(gateway: Gateway) -> None:
    many = {f"x-{number}": "y" for number in range(70)}

    assert gateway.get("/a", headers=many).status_code == 431


def test_too_large_headers_are_refused_over_http2(gateway: Gateway) -> None:
    large = [(b"x-%d" % number, b"y" * 8000) for number in range(8)]
    with http2.Connection(gateway.port) as client:
        client.socket.sendall(opening(large[:7]))
        assert client.body() == b"ok"
    with http2.Connection(gateway.port) as client:
        client.socket.sendall(opening(large))
        assert client.body() != b"ok"

    assert gateway.get("/a").status_code == 200


def test_slow_headers_are_408(gateway: Gateway) -> None:
    with connected(gateway.port) as client:
        client.sendall(b"GET /a HTTP/1.1\r\nhost:")

        assert until_closed(client).startswith(b"HTTP/1.1 408 ")


def test_slow_body_is_408(gateway: Gateway) -> None:
    with connected(gateway.port) as client:
        client.sendall(b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345")

        assert until_closed(client).startswith(b"HTTP/1.1 408 ")


def test_streams_beyond_the_limit_are_refused(gateway: Gateway, upstream: HoldingServer) -> None:
    with http2.Connection(gateway.port) as client:
        for stream in (1, 3, 5, 7):
            client.ask("/a/hold", stream)

        assert client.body(7) is None

    upstream.release.set()
    assert gateway.get("/a").status_code == 200


def test_connection_that_takes_all_its_requests_back_is_closed(gateway: Gateway) -> None:
    """However fast each would be answered: else others would wait until all of them are."""
    with http2.Connection(gateway.port) as client:
        assert not client.may_take_back("/nothing", 2000)

    assert gateway.get("/a").status_code == 200


def test_large_body_goes_through_in_pieces(gateway: Gateway) -> None:
    before = memory(gateway)

    answer = gateway.post("/a", content=b"x" * 64 * MIB, timeout=60)

    assert answer.text == str(64 * MIB)
    assert memory(gateway) - before < 16 * MIB


def test_upstream_that_does_not_read_holds_the_client_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        with running_gateway(API.replace("UPSTREAM", address), tmp_path) as gateway:
            before = memory(gateway)
            with connected(gateway.port) as client:
                client.settimeout(1)
                client.sendall(b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n")
                with pytest.raises(TimeoutError):
                    client.sendall(b"x" * 200 * MIB)

                assert memory(gateway) - before < 16 * MIB


def test_client_that_does_not_read_holds_the_upstream_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        with running_gateway(API.replace("UPSTREAM", address), tmp_path) as gateway:
            before = memory(gateway)
            with connected(gateway.port) as client:
                client.sendall(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n")
                upstream, _ = server.accept()
                with upstream:
                    upstream.recv(4096)
                    upstream.settimeout(1)
                    upstream.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
                    with pytest.raises(TimeoutError):
                        upstream.sendall(b"x" * 200 * MIB)

                assert memory(gateway) - before < 16 * MIB


def test_connections_beyond_the_limit_are_closed(tmp_path: Path, upstream: HoldingServer) -> None:
    with running_gateway(api(upstream), tmp_path, limits=FEW) as gateway, ExitStack() as stack:
        assert gateway.get("/a").status_code == 200
        kept = [stack.enter_context(connected(gateway.port)) for _ in range(FEW.connections - 1)]
        surplus = stack.enter_context(connected(gateway.port))

        assert until_closed(surplus) == b""
        assert gateway.get("/a").status_code == 200
        assert gateway.envoy.facts()["state"] == "LIVE"
        assert httpx.get(f"http://127.0.0.1:{gateway.names['port2']}/probes/readiness").status_code == 200

        for one in kept:
            one.close()
        wait_until(lambda: answers(gateway))
        assert gateway.envoy.restarts == 0


@pytest.mark.usefixtures("many_files")
def test_thousands_of_idle_connections_cost_little(tmp_path: Path, upstream: HoldingServer) -> None:
    with running_gateway(api(upstream), tmp_path) as gateway, ExitStack() as stack:
        assert gateway.get("/a").status_code == 200
        before = memory(gateway)
        for _ in range(IDLE_CONNECTIONS):
            client = stack.enter_context(connected(gateway.port))
            client.sendall(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 404 ")

        assert gateway.get("/a").status_code == 200
        assert memory(gateway) - before < IDLE_CONNECTIONS * MOST_PER_CONNECTION


def test_out_of_memory_refuses_and_does_not_end(tmp_path: Path, upstream: HoldingServer) -> None:
    tiny = Limits(memory_bytes=MIB)
    with running_gateway(api(upstream), tmp_path, limits=tiny) as gateway:
        wait_until(lambda: not answers(gateway))

        assert gateway.envoy.facts()["state"] == "LIVE"
        assert gateway.envoy.restarts == 0


def test_connections_leave_descriptors_for_upstreams(tmp_path: Path, upstream: HoldingServer) -> None:
    """Fewer descriptors than connections are wanted: Envoy would spin on what it cannot accept."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with running_gateway(api(upstream), tmp_path, limits=Limits(connections=hard)) as gateway:
        written = json.loads((gateway.envoy.folder / "bootstrap.json").read_text())

    connections = written["overload_manager"]["resource_monitors"][0]["typed_config"]
    assert connections["max_active_downstream_connections"] == (hard - 100) // 2


def opening(fields: http2.Fields) -> bytes:
    block = http2.block(http2.get("/a") + fields)
    pieces = [block[at : at + 16_000] for at in range(0, len(block), 16_000)]
    sent = http2.frame(http2.HEADERS, http2.END_STREAM, 1, pieces[0])
    for piece in pieces[1:-1]:
        sent += http2.frame(http2.CONTINUATION, 0, 1, piece)
    return sent + http2.frame(http2.CONTINUATION, http2.END_HEADERS, 1, pieces[-1])


def until_closed(client: socket.socket) -> bytes:
    received = b""
    try:
        while piece := client.recv(4096):
            received += piece
    except ConnectionResetError:
        pass
    return received


def answers(gateway: Gateway) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{gateway.port}/a", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def memory(gateway: Gateway) -> int:
    """Bytes of Envoy that are in memory."""
    pages = Path(f"/proc/{gateway.envoy.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
