"""An upstream that says that it is well, and one that says that it is not."""

import json
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

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
spec: SERVICE
---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: way}
spec: {targetRef: {name: a}, policyRef: {name: route}, config: {destinationRef: {name: backend}}}
---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: health}
spec:
  targetRef: {kind: Service, name: backend}
  policyRef: {name: health-check-flex}
  config: {path: "/health?deep=1", intervalInSeconds: 1, unhealthyAfter: 1, refuseWhileUnhealthy: REFUSE}
---
"""


class Upstream(Quiet):
    """Well or not; `asked` are the hosts that were asked for its health."""

    protocol_version = "HTTP/1.1"
    status = 200
    asked: list[str] = []

    def do_GET(self) -> None:
        is_check = self.path == "/health?deep=1"
        if is_check:
            self.asked.append(self.headers["host"])
        self.send_response(Upstream.status if is_check else 200)
        self.send_header("content-length", "0")
        self.end_headers()


@pytest.fixture
def upstream() -> Iterator[str]:
    Upstream.status = 200
    Upstream.asked.clear()
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Upstream)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def checked(gateway: Gateway, upstream: str, refuses: bool, **settings: Any) -> None:
    service = json.dumps({"address": upstream, **settings})
    text = API.replace("SERVICE", service).replace("REFUSE", str(refuses).lower())
    ack = gateway.apply(text)
    assert not [one.reason for one in ack.resources if one.reason]


def test_requests_are_refused_while_it_is_unhealthy(gateway: Gateway, upstream: str) -> None:
    checked(gateway, upstream, True)
    first = gateway.get("/a/x").status_code

    Upstream.status = 500
    wait_until(lambda: gateway.get("/a/x").status_code == 503)
    refused = gateway.get("/a/x")
    Upstream.status = 200
    wait_until(lambda: gateway.get("/a/x").status_code == 200)

    assert first == 200, "the first answer was waited for"
    assert refused.json()["error"] == "The upstream is not well."
    assert set(Upstream.asked) == {upstream.removeprefix("http://")}


def test_requests_are_sent_all_the_same(gateway: Gateway, upstream: str) -> None:
    Upstream.status = 500
    checked(gateway, upstream, False)
    wait_until(lambda: len(Upstream.asked) > 2)

    assert gateway.get("/a/x").status_code == 200


def test_one_that_is_down_from_the_beginning_is_refused(gateway: Gateway, upstream: str) -> None:
    Upstream.status = 500
    checked(gateway, upstream, True)

    wait_until(lambda: gateway.get("/a/x").status_code == 503)

    assert gateway.get("/a/x").json()["error"] == "The upstream is not well."


def test_the_agent_tells_which_upstreams_are_healthy(gateway: Gateway, upstream: str) -> None:
    checked(gateway, upstream, refuses=False)
    host = upstream.removeprefix("http://")

    wait_until(lambda: gateway.health() == {"default/backend": told(host)})
    Upstream.status = 503
    wait_until(lambda: gateway.health() == {"default/backend": told(host, is_healthy=False)})


def test_another_upstream_gets_requests_while_it_is_unhealthy(gateway: Gateway, upstream: str) -> None:
    spare = gateway.upstream.url.removeprefix("http://")
    checked(gateway, upstream, False, failover={"address": spare})
    first = gateway.get("/a/x")

    Upstream.status = 500
    wait_until(lambda: gateway.get("/a/x").headers.get("x-upstream") == "echo")

    assert first.content == b"", "its own"


def told(host: str, *, is_healthy: bool = True) -> dict[str, object]:
    state, bad = ("healthy", []) if is_healthy else ("unhealthy", [host])
    hosts = [{"address": host, "name": "", "state": state, "backup": False}]
    return {"healthy": int(is_healthy), "unknown": 0, "total": 1, "unhealthy": bad, "hosts": hosts}
