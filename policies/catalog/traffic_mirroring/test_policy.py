"""Copies of requests, at a server that may be slow or away."""

import socket
from collections.abc import Iterator

import pytest

from tests.ports import free_port
from tests.traffic.gateway import Gateway
from tests.traffic.scripted import Scripted, scripted
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {upstream: {address: "${upstream}"}}
  policies: [POLICIES]
"""
MIRROR = '{policyRef: {name: traffic-mirroring}, config: {uri: "URI"}}'
NOBODY = "{policyRef: {name: access-block}, config: {}}"


@pytest.fixture(scope="module")
def copies() -> Iterator[Scripted]:
    with scripted() as server:
        yield server


def test_a_copy_has_what_the_upstream_gets(gateway: Gateway, copies: Scripted) -> None:
    copies.asked.clear()
    gateway.apply(API.replace("POLICIES", MIRROR.replace("URI", copies.url)))

    answer = gateway.post("/a/ok?x=1", content=b"body")

    assert answer.json()["name"]
    wait_until(lambda: bool(copies.asked))
    assert copies.asked[0].startswith(b"POST /ok?x=1 ")


def test_nobody_waits_for_a_server_that_never_answers(gateway: Gateway, copies: Scripted) -> None:
    gateway.apply(API.replace("POLICIES", MIRROR.replace("URI", copies.url)))

    assert gateway.get("/a/never", timeout=10).status_code == 200


def test_a_body_does_not_wait_for_a_server_that_takes_nothing(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        uri = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        gateway.apply(API.replace("POLICIES", MIRROR.replace("URI", uri)))

        answer = gateway.post("/a/ok", content=b"x" * 2**24, timeout=20)

    assert answer.status_code == 200
    assert len(answer.json()["body"]) == 2**24


def test_copies_of_calls_of_grpc_are_sent_in_http2(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        uri = f"h2://127.0.0.1:{server.getsockname()[1]}"
        gateway.apply(API.replace("POLICIES", MIRROR.replace("URI", uri)))

        assert gateway.get("/a/ok").status_code == 200

        connection, _ = server.accept()
        with connection, connection.makefile("rb") as copy:
            assert copy.read(14) == b"PRI * HTTP/2.0"


def test_nobody_notices_a_server_that_is_away(gateway: Gateway) -> None:
    gateway.apply(API.replace("POLICIES", MIRROR.replace("URI", f"http://127.0.0.1:{free_port()}")))

    assert gateway.get("/a/ok").status_code == 200


def test_two_servers_get_copies_and_what_is_refused_none(gateway: Gateway, copies: Scripted) -> None:
    with scripted() as other:
        both = ", ".join(MIRROR.replace("URI", one.url) for one in (copies, other))
        copies.asked.clear()
        gateway.apply(API.replace("POLICIES", f"{both}, {NOBODY}"))
        assert gateway.get("/a/ok").status_code == 403
        gateway.apply(API.replace("POLICIES", both))
        assert gateway.get("/a/ok?second").status_code == 200
        wait_until(lambda: bool(copies.asked and other.asked))

        assert [line.split()[1] for line in (*copies.asked, *other.asked)] == [b"/ok?second"] * 2
