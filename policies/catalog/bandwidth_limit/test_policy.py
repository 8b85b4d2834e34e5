"""Bodies that flow no faster than they may."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.traffic.gateway import Gateway

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: slow}
spec:
  address: http://127.0.0.1:${port}/slow
  services: {upstream: {address: "${upstream}"}}
  policies: [{policyRef: {name: bandwidth-limit}, config: CONFIG}]
"""
KIB = 1024


@pytest.mark.parametrize(("limited", "is_slow"), [("request", True), ("response", False)])
def test_a_large_request_takes_its_time(gateway: Gateway, limited: str, is_slow: bool) -> None:
    """A bucket holds a second's worth: what is above waits."""
    gateway.apply(API.replace("CONFIG", f"{{{limited}KibibytesPerSecond: 100}}"))
    began = time.monotonic()

    answer = gateway.post("/slow/x", content=b"x" * 250 * KIB, timeout=60)

    assert answer.status_code == 200
    if is_slow:
        assert time.monotonic() - began > 1


def test_all_routes_of_an_api_share_what_may_flow(gateway: Gateway) -> None:
    """Each alone would be half a second above its bucket; together they are two seconds above it."""
    routes = "routes: [{rules: [{path: /one/.*}]}, {rules: [{path: /other/.*}]}]"
    two = API.replace('{address: "${upstream}"}', f'{{address: "${{upstream}}", {routes}}}')
    gateway.apply(two.replace("CONFIG", "{requestKibibytesPerSecond: 100}"))
    began = time.monotonic()

    def send(path: str) -> int:
        return httpx.post(
            f"http://127.0.0.1:{gateway.port}{path}", content=b"x" * 150 * KIB, timeout=60
        ).status_code

    with ThreadPoolExecutor(2) as both:
        found = list(both.map(send, ["/slow/one/x", "/slow/other/x"]))

    assert found == [200, 200]
    assert time.monotonic() - began > 1
