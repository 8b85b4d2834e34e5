"""Bodies that flow no faster than they may."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

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
TRUSTED = """
apiVersion: gatewright.dev/v1alpha1
kind: Configuration
metadata: {name: proxies}
spec: {trustedProxies: {networks: [127.0.0.2]}}
---
"""
KIB = 1024


@contextmanager
def uploading(gateway: Gateway) -> Iterator[None]:
    """A body without an end takes all that may flow."""
    ends, has_begun = threading.Event(), threading.Event()

    def upload() -> None:
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as client:
            client.sendall(b"POST /slow/x HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n")
            client.sendall(b"x" * 200 * KIB)
            has_begun.set()
            client.settimeout(0.1)
            while not ends.is_set():
                try:
                    client.send(b"x" * KIB)
                except TimeoutError:
                    continue

    with ThreadPoolExecutor(1) as one:
        done = one.submit(upload)
        assert has_begun.wait(60)
        try:
            yield
        finally:
            ends.set()
        done.result(60)


def seconds(gateway: Gateway, source: str = "127.0.0.1") -> float:
    """How long half a second more than a bucket holds takes, which alone would be that half."""
    with httpx.Client(transport=httpx.HTTPTransport(local_address=source)) as client:
        began = time.monotonic()
        url = f"http://127.0.0.1:{gateway.port}/slow/x"
        assert client.post(url, content=b"x" * 150 * KIB, timeout=60).status_code == 200
        return time.monotonic() - began


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


def test_its_count_outlives_what_is_deployed_beside_it(gateway: Gateway) -> None:
    limited = API.replace("CONFIG", "{requestKibibytesPerSecond: 100}")
    gateway.apply(limited)

    with uploading(gateway):
        beside = API.replace("slow", "beside").replace("CONFIG", "{requestKibibytesPerSecond: 200}")
        gateway.apply(f"{limited}---{beside}")
        found = seconds(gateway)

    assert found > 1


def test_those_who_come_by_trusted_proxies_share_with_all_others(gateway: Gateway) -> None:
    gateway.apply(TRUSTED + API.replace("CONFIG", "{requestKibibytesPerSecond: 100}"))

    with uploading(gateway):
        found = seconds(gateway, "127.0.0.2")

    assert found > 1


def test_a_changed_limit_holds_at_once(gateway: Gateway) -> None:
    """And one that comes back, whose name Envoy still knows."""
    found = []
    for limit in (10_000, 100, 200, 100):
        gateway.apply(API.replace("CONFIG", f"{{requestKibibytesPerSecond: {limit}}}"))
        began = time.monotonic()
        assert gateway.post("/slow/x", content=b"x" * 250 * KIB, timeout=60).status_code == 200
        found.append(time.monotonic() - began)

    assert found[1] > 1
    assert found[3] > 1
