"""What callers write cannot divide a line of the access log, or end it: each request is counted as one."""

import socket

import pytest

from gateways.agent.xds import access_log
from tests.faults import http2
from tests.traffic.gateway import Gateway
from tests.traffic.test_policies import api
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

MARKS = [b"\x1f", b"\t", b"\n", b"\r", b"\x00", b"\x7f"]


@pytest.fixture(scope="module", autouse=True)
def an_api(gateway: Gateway) -> None:
    gateway.apply(api(name="log"))


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("place", ["path", "user-agent", "method"])
def test_http1(gateway: Gateway, place: str, mark: bytes) -> None:
    said = {"path": b"/log/a", "user-agent": b"a", "method": b"GET"}
    said[place] = said[place][:1] + mark + said[place][1:]
    before = len(gateway.log(0))

    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(
            b"%s %s HTTP/1.1\r\nhost: x\r\nuser-agent: %s\r\nconnection: close\r\n\r\n"
            % (said["method"], said["path"], said["user-agent"])
        )
        assert connection.recv(4096)

    assert_lines_are_whole(gateway, before)


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("place", [b":path", b"user-agent", b":method"])
def test_http2(gateway: Gateway, place: bytes, mark: bytes) -> None:
    said = {**dict(http2.get("/log/a")), b"user-agent": b"a"}
    said[place] = said[place][:1] + mark + said[place][1:]
    before = len(gateway.log(0))

    with http2.Connection(gateway.port) as connection:
        flags = http2.END_STREAM | http2.END_HEADERS
        connection.socket.sendall(http2.frame(http2.HEADERS, flags, 1, http2.block(list(said.items()))))
        connection.body()

    assert_lines_are_whole(gateway, before)


def assert_lines_are_whole(gateway: Gateway, before: int) -> None:
    """At least one is of a request that came afterwards, so what came before it is written too."""
    assert gateway.get("/log/end").status_code == 200

    def has_end() -> bool:
        return b"\x1f/end\x1f" in lines()[-1]

    def lines() -> list[bytes]:
        return (gateway.envoy.state / "access.log").read_bytes().split(b"\n")[before:-1] or [b""]

    wait_until(has_end)
    for line in lines():
        access_log.key(access_log.fields(line)[1])
