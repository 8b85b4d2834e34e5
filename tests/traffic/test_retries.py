"""What is lost with a stale connection is sent again where that does no harm, and nothing else is."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import httpx
import pytest

from tests.traffic.gateway import Gateway
from tests.traffic.scripted import Scripted, scripted
from tests.traffic.scripted2 import Scripted2, scripted2
from tests.traffic.upstream import Quiet, serving

pytestmark = pytest.mark.envoy

API = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {backend: {address: "UPSTREAM"}}
"""
IDLE_SECONDS = 0.05
CALLERS, REQUESTS = 20, 60


@pytest.fixture(scope="module")
def upstream() -> Iterator[Scripted]:
    with scripted() as server:
        yield server


@pytest.mark.parametrize("path", ["/a/stale", "/a/stale-reset"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_idempotent_request_is_sent_again(
    gateway: Gateway, upstream: Scripted, method: str, path: str
) -> None:
    used(gateway, upstream)

    answer = gateway.request(method, path)

    assert answer.status_code == 200
    assert len(upstream.asked) == 2
    # HEAD was answered with a body: that connection is not to be used again.
    gateway.apply(API.replace("UPSTREAM", "http://127.0.0.1:9"))


@pytest.mark.parametrize("method", ["POST", "PATCH", "PROPFIND"])
def test_request_that_may_have_arrived_is_not_sent_again(
    gateway: Gateway, upstream: Scripted, method: str
) -> None:
    used(gateway, upstream)

    answer = gateway.request(method, "/a/stale", content=b"x")

    assert answer.status_code == 503
    assert "gave no answer" in answer.json()["error"]
    assert len(upstream.asked) == 1


def test_request_is_sent_again_twice_at_most(gateway: Gateway, upstream: Scripted) -> None:
    used(gateway, upstream)

    answer = gateway.get("/a/lost")

    assert answer.status_code == 503
    assert len(upstream.asked) == 3


def test_large_body_is_not_kept_to_be_sent_again(gateway: Gateway, upstream: Scripted) -> None:
    used(gateway, upstream)

    answer = gateway.request("PUT", "/a/stale", content=b"x" * 1_000_000)

    assert answer.status_code == 503
    assert len(upstream.asked) == 1


def test_upstream_that_closes_idle_connections_costs_no_request(gateway: Gateway) -> None:
    async def run() -> Counter[int]:
        base = f"http://127.0.0.1:{gateway.port}"
        limits = httpx.Limits(max_connections=CALLERS)
        async with httpx.AsyncClient(base_url=base, trust_env=False, limits=limits, timeout=60) as client:
            answers = await asyncio.gather(*(calls(client) for _ in range(CALLERS)))
        return sum(answers, Counter())

    with serving(HastyServer(("127.0.0.1", 0), Hasty)) as server:
        gateway.apply(API.replace("UPSTREAM", f"http://127.0.0.1:{server.server_port}"))

        assert asyncio.run(run()) == {200: CALLERS * REQUESTS}


def used(gateway: Gateway, upstream: Scripted) -> None:
    """The gateway has a connection to the upstream, which was used once."""
    gateway.apply(API.replace("UPSTREAM", upstream.url))
    assert gateway.get("/a/ok").text == "ok"
    upstream.asked.clear()


async def calls(client: httpx.AsyncClient) -> Counter[int]:
    """With pauses about as long as the upstream keeps a connection."""
    found: Counter[int] = Counter()
    for _ in range(REQUESTS):
        found[(await client.get("/a/x")).status_code] += 1
        await asyncio.sleep(random.uniform(0, 2 * IDLE_SECONDS))
    return found


class Hasty(Quiet):
    """Keeps a connection for an instant, then closes it without a word."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")


class HastyServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


@pytest.fixture(scope="module")
def upstream2() -> Iterator[Scripted2]:
    with scripted2() as server:
        yield server


@pytest.mark.parametrize("fault", ["refuse", "goaway"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH"])
def test_what_an_http2_upstream_did_not_take_is_sent_again_whatever_its_method(
    gateway: Gateway, upstream2: Scripted2, method: str, fault: str
) -> None:
    used2(gateway, upstream2, fault)

    answer = gateway.request(method, "/a/x", content=b"x")

    assert (answer.status_code, answer.text) == (200, "ok")
    assert upstream2.asked == 2


@pytest.mark.parametrize("fault", ["close", "cancel"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_an_http2_upstream_may_have_taken_is_not_sent_again(
    gateway: Gateway, upstream2: Scripted2, method: str, fault: str
) -> None:
    used2(gateway, upstream2, fault)

    answer = gateway.request(method, "/a/x", content=b"x")

    assert answer.status_code == 503
    assert upstream2.asked == 1


def test_an_http2_upstream_that_takes_nothing_is_asked_three_times_at_most(
    gateway: Gateway, upstream2: Scripted2
) -> None:
    used2(gateway, upstream2, *["refuse"] * 5)

    answer = gateway.post("/a/x", content=b"x")
    upstream2.does.clear()

    assert answer.status_code == 503
    assert upstream2.asked == 3


def used2(gateway: Gateway, upstream: Scripted2, *does: str) -> None:
    """The gateway has a connection to the upstream, which was used once; then this becomes of requests."""
    gateway.apply(API.replace("UPSTREAM", upstream.url))
    assert gateway.get("/a/ok").text == "ok"
    upstream.asked, upstream.does[:] = 0, does
