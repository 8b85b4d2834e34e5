"""More at the same time than the upstream is known to bear are refused."""

import threading
from http.server import ThreadingHTTPServer

import pytest

from tests.traffic.gateway import Gateway
from tests.traffic.upstream import Quiet, serving

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: few}
spec:
  address: http://127.0.0.1:${port}/few
  services: {upstream: {address: "UPSTREAM"}}
  policies: [{policyRef: {name: adaptive-concurrency}, config: {minimumConcurrency: 1}}]
"""


class Waiting(Quiet):
    """Answers once it may."""

    may = threading.Event()
    came = threading.Semaphore(0)

    def do_GET(self) -> None:
        self.came.release()
        self.may.wait(20)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()


def test_what_is_above_the_limit_is_refused(gateway: Gateway) -> None:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Waiting)) as server:
        gateway.apply(API.replace("UPSTREAM", f"http://127.0.0.1:{server.server_port}"))
        first: list[int] = []
        one = threading.Thread(target=lambda: first.append(gateway.get("/few/x", timeout=30).status_code))
        one.start()
        assert Waiting.came.acquire(timeout=20)

        second = gateway.get("/few/x", timeout=30)

        Waiting.may.set()
        one.join(30)
    assert (first, second.status_code) == ([200], 503)
    assert second.json() == {"error": "The upstream bears no more requests at the same time."}
