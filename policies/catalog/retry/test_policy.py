"""Requests that fail at first, through real routes to an upstream that counts them."""

from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from tests.traffic.gateway import Gateway
from tests.traffic.scripted import scripted
from tests.traffic.upstream import Quiet, serving

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {upstream: {address: "UPSTREAM"}}
  policies: [{policyRef: {name: retry-flex}, config: CONFIG}]
"""
QUICK = "firstPauseInMilliseconds: 1"


class Failing(Quiet):
    """`/STATUS/N` has the status N times, then 200."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def answer(self) -> None:
        _, status, times = self.path.split("/")
        Failing.asked += 1
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(int(status) if Failing.asked <= int(times) else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    do_GET = do_POST = answer


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Failing)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def applied(gateway: Gateway, upstream: str, config: str) -> None:
    ack = gateway.apply(API.replace("UPSTREAM", upstream).replace("CONFIG", "{" + config + "}"))
    assert not [one.reason for one in ack.resources if one.reason]
    Failing.asked = 0


@pytest.mark.parametrize(
    ("config", "method", "path", "status", "asked"),
    [
        (QUICK, "GET", "/a/503/2", 200, 3),
        (QUICK, "GET", "/a/503/9", 503, 3),
        (f"maximumRetries: 4, {QUICK}", "GET", "/a/502/4", 200, 5),
        (QUICK, "GET", "/a/500/1", 500, 1),
        (f"statusCodes: [500], {QUICK}", "GET", "/a/500/1", 200, 2),
        (f"statusCodes: [429], {QUICK}", "GET", "/a/429/1", 200, 2),
        (QUICK, "POST", "/a/503/1", 503, 1),
        (f"methods: [POST], {QUICK}", "POST", "/a/503/1", 200, 2),
        (f"methods: [POST], {QUICK}", "GET", "/a/503/1", 503, 1),
        (f"statusCodes: [], {QUICK}", "GET", "/a/503/1", 503, 1),
        (f"maximumRetries: 0, {QUICK}", "GET", "/a/503/1", 503, 1),
    ],
)
def test_it_is_sent_again_as_often_as_it_may(
    gateway: Gateway, upstream: str, config: str, method: str, path: str, status: int, asked: int
) -> None:
    applied(gateway, upstream, config)

    answer = gateway.request(method, path)

    assert (answer.status_code, Failing.asked) == (status, asked)


@pytest.mark.parametrize(("retries", "asked"), [(0, 1), (3, 4)])
def test_what_is_lost_is_sent_again(gateway: Gateway, retries: int, asked: int) -> None:
    with scripted() as lost:
        applied(gateway, lost.url, f"maximumRetries: {retries}, {QUICK}")

        assert gateway.get("/a/lost").status_code == 503
        assert len(lost.asked) == asked


def test_what_is_late_is_not(gateway: Gateway) -> None:
    timeout = "{policyRef: {name: response-timeout}, config: {timeout: 0.3}}"
    with scripted() as slow:
        text = API.replace("UPSTREAM", slow.url).replace("CONFIG}]", f"{{maximumRetries: 5}}}}, {timeout}]")
        ack = gateway.apply(text)
        assert not [one.reason for one in ack.resources if one.reason]

        assert gateway.get("/a/never", timeout=30).status_code == 504
        assert len(slow.asked) == 1
