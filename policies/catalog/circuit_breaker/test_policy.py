"""Upstreams that are slow, with few requests under way, and lost ones that are not sent again."""

import threading
from http.server import ThreadingHTTPServer

import httpx
import pytest

from tests.traffic.gateway import Gateway
from tests.traffic.scripted import scripted
from tests.traffic.upstream import Quiet, serving
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec: {address: "http://127.0.0.1:${port}/a"}
---
apiVersion: gatewright.dev/v1alpha1
kind: Service
metadata: {name: backend}
spec: {address: "UPSTREAM"}
---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: way}
spec: {targetRef: {name: a}, policyRef: {name: route}, config: {destinationRef: {name: backend}}}
---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: breaker}
spec:
  targetRef: {kind: Service, name: backend}
  policyRef: {name: circuit-breaker-flex}
  config: {thresholds: THRESHOLDS}
---
"""


CALLERS = 6


class Waiting(Quiet):
    """Answers once it may."""

    may, has_one = threading.Event(), threading.Event()

    def do_GET(self) -> None:
        self.has_one.set()
        self.may.wait(20)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()


def bounded(gateway: Gateway, upstream: str, thresholds: str) -> None:
    ack = gateway.apply(API.replace("UPSTREAM", upstream).replace("THRESHOLDS", thresholds))
    assert not [one.reason for one in ack.resources if one.reason]


@pytest.mark.parametrize(
    ("thresholds", "allowed"), [("{maxRequests: 1}", 1), ("{maxConnections: 1, maxPendingRequests: 1}", 2)]
)
def test_what_is_beyond_a_threshold_is_503(gateway: Gateway, thresholds: str, allowed: int) -> None:
    Waiting.may.clear()
    Waiting.has_one.clear()
    answers: list[httpx.Response] = []
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Waiting)) as server:
        bounded(gateway, f"http://127.0.0.1:{server.server_port}", thresholds)
        callers = [
            threading.Thread(target=lambda: answers.append(gateway.get("/a/x", timeout=60)))
            for _ in range(CALLERS)
        ]
        callers[0].start()
        # Until it has its connection it waits for one, too.
        assert Waiting.has_one.wait(20)
        for one in callers[1:]:
            one.start()

        wait_until(lambda: len(answers) == CALLERS - allowed)

        refused = list(answers)
        Waiting.may.set()
        for one in callers:
            one.join(60)
    assert {one.status_code for one in refused} == {503}
    assert refused[0].json()["error"] == "The upstream has as much to do as it may have."
    assert [one.status_code for one in answers[len(refused) :]] == [200] * allowed


def test_retries_are_bounded(gateway: Gateway) -> None:
    with scripted() as upstream:
        bounded(gateway, upstream.url, "{maxRetries: 0}")

        assert gateway.get("/a/lost").status_code == 503

        assert len(upstream.asked) == 1
