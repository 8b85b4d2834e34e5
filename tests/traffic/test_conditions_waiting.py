"""A policy that waits (for a server, a body, a time) keeps no policy behind it from running."""

import socket
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from tests.traffic.gateway import Gateway
from tests.traffic.upstream import Quiet, serving

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {upstream: {address: "${upstream}"}}
  policies:
"""
FAULT = ("fault-injection", "{delayPercentage: 100, delayInMilliseconds: 50}")
AUTHZ = ("native-ext-authz", "{uri: 'http://127.0.0.1:AUTHZ', serverType: http}")
BODY = ("json-threat-protection", "{}")
BANDWIDTH = ("bandwidth-limit", "{requestKibibytesPerSecond: 1}")
HEADER = ("header-injection", "{inboundHeaders: [{key: x-a, value: '1'}]}")
BLOCK = ("access-block", "{}")
RULES = {"always": "", "sometimes": "rules: [{methods: POST}]", "otherwise": "rules: [{path: '/x.*'}]"}


class Judge(Quiet):
    """Lets everybody in, after a moment."""

    pause = threading.Event()

    def do_POST(self) -> None:
        self.pause.wait(0.05)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()


@pytest.fixture(scope="module")
def authz() -> Iterator[int]:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Judge)) as server:
        yield server.server_port


def policies(authz: int, *uses: tuple[tuple[str, str], str]) -> str:
    entry = "    - {{policyRef: {{name: {}}}, config: {}, {}}}\n"
    listed = "".join(entry.format(*policy, RULES[rules]) for policy, rules in uses)
    return API + listed.replace("AUTHZ", str(authz)).replace(", }", "}")


def posted(gateway: Gateway) -> bytes:
    """The status line of an answer to a request whose body comes in two pieces."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        head = "POST /a/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
        client.sendall(f"{head}content-length: 9\r\n\r\n".encode() + b'{"a":')
        Judge.pause.wait(0.1)
        client.sendall(b" 12}")
        return client.recv(4096).split(b"\r\n")[0]


@pytest.mark.parametrize("first", [FAULT, AUTHZ, BODY, BANDWIDTH], ids=lambda one: one[0])
@pytest.mark.parametrize(
    "rules", [("sometimes", "sometimes"), ("sometimes", "otherwise"), ("always", "sometimes")], ids="-".join
)
def test_what_is_behind_runs(
    gateway: Gateway, authz: int, first: tuple[str, str], rules: tuple[str, str]
) -> None:
    ack = gateway.apply(policies(authz, (first, rules[0]), (HEADER, rules[1]), (BLOCK, rules[1])))
    assert not [one.reason for one in ack.resources if one.reason]

    assert posted(gateway).startswith(b"HTTP/1.1 403 ")


def test_what_is_behind_many_runs(gateway: Gateway, authz: int) -> None:
    several = [(one, "sometimes") for one in (FAULT, AUTHZ, BODY, FAULT, AUTHZ)]
    ack = gateway.apply(
        policies(authz, *several, (HEADER, "always"), (FAULT, "otherwise"), (BLOCK, "sometimes"))
    )
    assert not [one.reason for one in ack.resources if one.reason]

    assert posted(gateway).startswith(b"HTTP/1.1 403 ")
