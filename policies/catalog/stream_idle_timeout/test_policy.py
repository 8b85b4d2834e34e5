"""Upstreams that fall silent before and in the middle of an answer."""

from collections.abc import Iterator

import httpx
import pytest

from tests.traffic.gateway import Gateway
from tests.traffic.raw import connected
from tests.traffic.scripted import PIECE, Scripted, scripted

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {upstream: {address: "UPSTREAM"}}
  policies: [POLICIES]
"""
SHORT = "{policyRef: {name: stream-idle-timeout-flex}, config: {timeout: 0.5}}"
LONG = SHORT.replace("0.5", "30")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Scripted]:
    with scripted() as server:
        yield server


def test_an_answer_that_does_not_begin_is_504(gateway: Gateway, upstream: Scripted) -> None:
    gateway.apply(API.replace("UPSTREAM", upstream.url).replace("POLICIES", SHORT))

    answer = gateway.get("/a/never", timeout=20)

    assert answer.status_code == 504
    assert answer.json() == {"error": "Nothing has flowed for too long."}


def test_a_body_that_stops_coming_is_408(gateway: Gateway, upstream: Scripted) -> None:
    gateway.apply(API.replace("UPSTREAM", upstream.url).replace("POLICIES", SHORT))

    with connected(gateway.port) as connection:
        connection.sendall(b"POST /a/x HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf")
        answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'{"error":"Nothing has flowed for too long."}' in answer


def test_an_answer_that_falls_silent_is_cut(gateway: Gateway, upstream: Scripted) -> None:
    gateway.apply(API.replace("UPSTREAM", upstream.url).replace("POLICIES", SHORT))

    with pytest.raises(httpx.RemoteProtocolError):
        gateway.get("/a/begin", timeout=20)


def test_what_flows_is_left_alone(gateway: Gateway, upstream: Scripted) -> None:
    gateway.apply(API.replace("UPSTREAM", upstream.url).replace("POLICIES", SHORT))

    with gateway.client.stream("GET", "/a/flow", timeout=20) as answer:
        pieces = answer.iter_raw()
        body = b"".join(next(pieces) for _ in range(20))

    assert body == PIECE * (len(body) // len(PIECE)) != b""


def test_two_that_say_otherwise_refuse_the_api(gateway: Gateway, upstream: Scripted) -> None:
    ack = gateway.apply(API.replace("UPSTREAM", upstream.url).replace("POLICIES", f"{SHORT}, {LONG}"))

    assert "another one says otherwise; keep one" in ack.resources[0].reason
