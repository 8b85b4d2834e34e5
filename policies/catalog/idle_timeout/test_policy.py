"""A connection to an upstream that no request is on, with the policy and without it."""

import threading
from http.server import ThreadingHTTPServer

import pytest

from tests.traffic.gateway import Gateway
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
"""
TIMEOUT = """
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: NAME}
spec:
  targetRef: {kind: Service, name: backend}
  policyRef: {name: idle-timeout-flex}
  config: {timeout: SECONDS}
---
"""
SHORT = TIMEOUT.replace("NAME", "short").replace("SECONDS", "0.3")
LONG = TIMEOUT.replace("NAME", "long").replace("SECONDS", "30")


class Noting(Quiet):
    """Notes when a connection ends."""

    protocol_version = "HTTP/1.1"
    ended = threading.Semaphore(0)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def finish(self) -> None:
        super().finish()
        self.ended.release()


def test_an_idle_connection_is_closed(gateway: Gateway) -> None:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Noting)) as server:
        ack = gateway.apply(API.replace("UPSTREAM", f"http://127.0.0.1:{server.server_port}") + SHORT)
        assert not [one.reason for one in ack.resources if one.reason]

        assert gateway.get("/a/x").status_code == 200

        assert Noting.ended.acquire(timeout=20)
        assert gateway.get("/a/x").status_code == 200, "the next request opens another"


def test_one_that_has_time_is_kept(gateway: Gateway) -> None:
    gateway.apply(API.replace("UPSTREAM", "${upstream}") + LONG)

    configured = (gateway.envoy.folder / "cds.json").read_text()

    assert '"30.000s"' in configured
    wait_until(lambda: gateway.get("/a/x").status_code == 200)


def test_two_that_say_otherwise_refuse_the_api(gateway: Gateway) -> None:
    ack = gateway.apply(API.replace("UPSTREAM", "${upstream}") + SHORT + LONG)

    assert "another one says otherwise; keep one" in ack.resources[0].reason
