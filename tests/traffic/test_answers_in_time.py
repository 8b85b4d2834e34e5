"""An answer must begin in time; what flows then may flow, and what is cut is told."""

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from gateways.agent.settings import Proxying
from gateways.agent.sources.files import load_text
from gateways.agent.translate.apis import translate
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.raw import connected, upgrade
from tests.traffic.scripted import PIECE, Scripted, scripted
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

SECONDS = 0.5
"""In which an answer has to begin. What lasts longer on purpose lasts two or three times as long."""
API = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {backend: {address: "UPSTREAM"}}
---
"""
LIMIT = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: limit}
spec:
  targetRef: {name: a}
  policyRef: {name: response-timeout-flex}
  config: {timeout: 0.3}
---
"""
TOO_LATE = {"error": "The upstream did not begin to answer in time."}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Scripted]:
    with scripted() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, upstream: Scripted) -> Iterator[Gateway]:
    proxying = Proxying(upstream_response_seconds=SECONDS, stream_idle_seconds=3 * SECONDS)
    folder = tmp_path_factory.mktemp("gateway")
    with running_gateway(API.replace("UPSTREAM", upstream.url), folder, proxying=proxying) as made:
        yield made


def test_what_flows_is_not_cut(gateway: Gateway) -> None:
    with gateway.client.stream("GET", "/a/flow", timeout=30) as answer:
        began = time.monotonic()
        pieces = answer.iter_raw()
        body = next(pieces)
        while time.monotonic() - began < 3 * SECONDS:
            body += next(pieces)

    assert body == PIECE * (len(body) // len(PIECE)) != b""


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_answer_that_does_not_begin_is_504_after_one_try(
    gateway: Gateway, upstream: Scripted, method: str
) -> None:
    upstream.asked.clear()

    answer = gateway.request(method, "/a/never", timeout=30)

    assert (answer.status_code, answer.json()) == (504, TOO_LATE)
    assert answer.headers["content-type"] == "application/json"
    assert upstream.asked == [b"%s /never HTTP/1.1" % method.encode()]


def test_late_answers_are_told_alike_whatever_the_method(gateway: Gateway) -> None:
    before = len(gateway.log(0))

    for method in ("GET", "POST"):
        gateway.request(method, "/a/never", timeout=30)

    keys = gateway.log(before + 2)[before:]
    assert [key.details for key in keys if key] == ["upstream_per_try_timeout"] * 2
    assert [key.status for key in keys if key] == [504, 504]


def test_callers_cannot_make_an_answer_late(gateway: Gateway) -> None:
    answer = gateway.get("/a/ok", headers={"x-envoy-is-timeout-retry": "true"})

    assert answer.text == "ok"


def test_callers_cannot_have_more_tries(gateway: Gateway, upstream: Scripted) -> None:
    upstream.asked.clear()
    wishes = {"x-envoy-retry-on": "5xx,reset", "x-envoy-max-retries": "9"}

    answer = gateway.post("/a/lost", headers=wishes)

    assert answer.status_code == 503
    assert len(upstream.asked) == 1


def test_time_counts_from_the_end_of_the_request(gateway: Gateway) -> None:
    with connected(gateway.port) as client:
        client.sendall(b"POST /a/ok HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 8\r\n\r\n")
        for _ in range(8):
            pause(2 * SECONDS / 8)
            client.sendall(b"x")

        assert everything(client).startswith(b"HTTP/1.1 200 ")


def test_continue_is_answered_before_a_body_is_sent(gateway: Gateway) -> None:
    with connected(gateway.port) as client:
        client.sendall(
            b"POST /a/ok HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\n"
            b"content-length: 2\r\n\r\n"
        )
        assert client.recv(4096).startswith(b"HTTP/1.1 100 ")
        pause(1.5 * SECONDS)
        client.sendall(b"ok")

        assert everything(client).startswith(b"HTTP/1.1 200 ")


def test_upgraded_connection_stays(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=upgrade, args=(server,), daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        gateway.apply(API.replace("UPSTREAM", address))
        with connected(gateway.port) as client:
            client.sendall(
                b"GET /a/chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
                b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
            pause(2 * SECONDS)
            client.sendall(b"hello")

            assert client.recv(5) == b"hello"


@pytest.mark.parametrize(("path", "flags"), [("cut", "UPE"), ("begin", "SI")])
def test_answer_that_is_cut_is_told(gateway: Gateway, upstream: Scripted, path: str, flags: str) -> None:
    gateway.apply(API.replace("UPSTREAM", upstream.url))
    before = len(gateway.log(0))

    with pytest.raises(httpx.RemoteProtocolError):
        gateway.get(f"/a/{path}", timeout=30)

    wait_until(lambda: len(gateway.log(0)) > before)
    line = (gateway.envoy.state / "access.log").read_bytes().splitlines()[before]
    assert flags.encode() in line.replace(b"\x1f", b"\t").split(b"\t")


def test_api_has_a_time_of_its_own(gateway: Gateway, upstream: Scripted) -> None:
    gateway.apply(API.replace("UPSTREAM", upstream.url))
    without = gateway.get("/a/late", timeout=30)

    gateway.apply((API + LIMIT.replace("0.3", "30")).replace("UPSTREAM", upstream.url))
    longer = gateway.get("/a/late", timeout=30)
    gateway.apply((API + LIMIT).replace("UPSTREAM", upstream.url))
    shorter = gateway.get("/a/never", timeout=30)

    assert (without.status_code, longer.status_code, shorter.status_code) == (504, 200, 504)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("config: {timeout: 0}", "greater than or equal to 0.001"),
        ("config: {timeout: 1}\n  rules: [{methods: GET}]", "always holds for the whole API"),
    ],
)
def test_time_that_cannot_act_refuses_the_api(said: str, message: str) -> None:
    listed = API.replace("${port}", "8081").replace("UPSTREAM", "http://127.0.0.1:9")

    translation = translate(load_text(listed + LIMIT.replace("config: {timeout: 0.3}", said)).resources)

    assert message in translation.refused["default", "a"]


def pause(seconds: float) -> None:
    """Silence is what is tried here: there is no event to wait for, and nothing hangs on how long it is."""
    time.sleep(seconds)


def everything(client: socket.socket) -> bytes:
    with client.makefile("rb") as incoming:
        return incoming.read()
