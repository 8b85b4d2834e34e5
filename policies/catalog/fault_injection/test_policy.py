"""Shares of many requests, and a delay that is one."""

import time
from collections import Counter

import httpx
import pytest

from tests.traffic.gateway import Gateway
from tests.traffic.raw import connected
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: trial}
spec:
  address: http://127.0.0.1:${port}/trial
  services: {upstream: {address: "${upstream}"}}
  policies: [{policyRef: {name: fault-injection}, config: CONFIG}]
"""


def test_a_share_of_the_requests_is_ended(gateway: Gateway) -> None:
    gateway.apply(API.replace("CONFIG", "{abortPercentage: 50, abortStatus: 418}"))

    found = Counter(gateway.get("/trial/x").status_code for _ in range(200))

    # Of a fair coin's 200 throws, less than 50 heads come once in ten to the twelfth.
    assert set(found) == {200, 418}
    assert min(found.values()) > 50


@pytest.mark.parametrize("status", [204, 205, 304])
def test_an_answer_that_can_have_no_body_has_none(gateway: Gateway, status: int) -> None:
    """Else the body would be the beginning of the next answer of the connection."""
    gateway.apply(API.replace("CONFIG", f"{{abortPercentage: 100, abortStatus: {status}}}"))

    answers = [gateway.get("/trial/x") for _ in range(2)]

    assert [(one.status_code, one.content) for one in answers] == [(status, b"")] * 2
    assert {one.headers.get("content-length", "0") for one in answers} == {"0"}


def test_a_delayed_request_waits_and_goes_on(gateway: Gateway) -> None:
    gateway.apply(API.replace("CONFIG", "{delayPercentage: 100, delayInMilliseconds: 300}"))
    began = time.monotonic()

    answer = gateway.get("/trial/x", timeout=30)

    assert answer.status_code == 200
    # Envoy's timers count from when its loop last looked at the clock: some of it may have passed by then.
    assert time.monotonic() - began > 0.2


def test_what_only_observes_ends_nothing_and_delays_nothing(gateway: Gateway) -> None:
    config = "{abortPercentage: 50, abortStatus: 418, delayPercentage: 100, delayInMilliseconds: 3600000}"
    gateway.apply(API.replace("CONFIG", f"{config}, mode: observe"))
    before = len(gateway.reasons(0))

    found = {gateway.get("/trial/x", timeout=30).status_code for _ in range(60)}

    assert found == {200}
    assert {reason for (reason,) in gateway.reasons(before + 60)[before:]} == {
        "fault: it would have been answered with 418",
        "delay: it would have waited 3600000 ms",
    }


def test_while_as_many_wait_as_may_others_are_left_alone(gateway: Gateway) -> None:
    config = "{delayPercentage: 100, delayInMilliseconds: 3600000, maximumActiveFaults: 1}"
    gateway.apply(API.replace("CONFIG", config))

    def is_left_alone() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{gateway.port}/trial/x", timeout=0.5).status_code == 200
        except httpx.ReadTimeout:
            return False

    assert not is_left_alone()
    with connected(gateway.port) as connection:
        connection.sendall(b"GET /trial/x HTTP/1.1\r\nhost: x\r\n\r\n")
        wait_until(is_left_alone)
    wait_until(lambda: not is_left_alone())


def test_faults_of_another_port_count_too(gateway: Gateway) -> None:
    config = "{delayPercentage: 100, delayInMilliseconds: 3600000, maximumActiveFaults: 1}"
    one = API.replace("CONFIG", config)
    other = one.replace("trial", "other").replace("${port}", "${port2}")
    gateway.apply(f"{one}---{other}")
    port2 = int(gateway.names["port2"])

    def is_left_alone() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port2}/other/x", timeout=0.5).status_code == 200
        except httpx.ReadTimeout:
            return False

    with connected(gateway.port) as connection:
        connection.sendall(b"GET /trial/x HTTP/1.1\r\nhost: x\r\n\r\n")
        wait_until(is_left_alone)
