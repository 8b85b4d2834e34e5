"""Bytes that one server reads as one request and another as two never reach an upstream as two."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gateways.agent.settings import Proxying
from tests.faults import http2
from tests.faults.recorder import Recorder, recorder
from tests.faults.shapes import ENDS_EARLY, GOES_ON, HIDDEN, HTTP1, HTTP2, OPENING, WHOLE, with_length
from tests.traffic.gateway import Gateway, running_gateway
from tests.waiting import wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.faults]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
API = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {backend: {address: "UPSTREAM"}}
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Recorder]:
    with recorder() as made:
        yield made


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, upstream: Recorder) -> Iterator[Gateway]:
    text, folder = API.replace("UPSTREAM", upstream.url), tmp_path_factory.mktemp("gateway")
    with running_gateway(text, folder, proxying=Proxying(upstream_response_seconds=5)) as made:
        yield made


@pytest.mark.parametrize("sent", HTTP1, ids=repr)
def test_http1_reaches_the_upstream_as_what_it_was_judged_as(
    gateway: Gateway, upstream: Recorder, sent: bytes
) -> None:
    upstream.forget()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        client.sendall(sent)
        answered = first_of(client)
        assert gateway.get("/a/marker").status_code == 200
        answered += rest_of(client)

    assert upstream.faults == []
    assert "/smuggled" not in upstream.targets()
    assert upstream.targets().count("/marker") == 1
    assert len(upstream.requests) - 1 == answered.count(b"x-recorded") <= 1
    assert gateway.envoy.restarts == 0


@pytest.mark.parametrize("group", HTTP2)
def test_http2_reaches_the_upstream_as_what_it_was_judged_as(
    gateway: Gateway, upstream: Recorder, group: str
) -> None:
    """All of a group at once: Envoy takes a second to close a connection that it found fault with."""
    upstream.forget()
    with ExitStack() as stack:
        clients = [stack.enter_context(http2.Connection(gateway.port)) for _ in HTTP2[group]]
        for client, sent in zip(clients, HTTP2[group], strict=True):
            client.socket.sendall(sent)
        for client in clients:
            client.body()
        assert gateway.get("/a/marker").status_code == 200

    assert upstream.faults == []
    assert "/smuggled" not in upstream.targets()
    assert upstream.targets().count("/marker") == 1
    assert len(upstream.requests) - 1 <= len(clients)
    assert gateway.envoy.restarts == 0


def test_what_is_sound_arrives_whole(gateway: Gateway, upstream: Recorder) -> None:
    upstream.forget()
    length, chunked = with_length(b"x: y", len(ENDS_EARLY), ENDS_EARLY), b"Transfer-Encoding: chunked"
    chunks = b"POST /a HTTP/1.1\r\nhost: x\r\n%b\r\n\r\n%b" % (chunked, GOES_ON)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        client.sendall(length + chunks)
        wait_until(lambda: len(upstream.requests) == 2)
    with http2.Connection(gateway.port) as modern:
        modern.socket.sendall(OPENING + WHOLE)
        assert modern.body() == b"ok"

    assert [request.body for request in upstream.requests] == [ENDS_EARLY, HIDDEN, HIDDEN]
    assert upstream.faults == []


def first_of(client: socket.socket) -> bytes:
    """An interim answer says nothing of what the upstream gets: that may come as late as the next test."""
    answered = client.recv(65536)
    while answered == CONTINUE:
        answered = client.recv(65536)
    return answered


def rest_of(client: socket.socket) -> bytes:
    """What has arrived by now."""
    client.setblocking(False)
    try:
        return client.recv(65536)
    except (BlockingIOError, ConnectionResetError):
        return b""
