"""Bursts through a real Envoy: what passes at once, what waits, what is refused; no window has more."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest

from policies.catalog.spike_control import spikes
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.raw import connected

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {upstream: {address: "${upstream}"}}
  policies:
    - {policyRef: {name: spike-control-flex}, config: CONFIG, mode: MODE}
    OTHERS
"""
WORKERS = 2
BLOCK = "- {policyRef: {name: access-block}}"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway("", tmp_path_factory.mktemp("gateway"), concurrency=WORKERS) as running:
        yield running


@pytest.fixture(autouse=True)
def fresh(gateway: Gateway) -> Iterator[None]:
    """Each test counts for itself: the binding's slot is another's with the API's name."""
    gateway.names["name"] = f"n{time.monotonic_ns()}"
    yield


EARLY = 0.05
"""Envoy counts a pause from when it last looked at the clock, which is before it came to the request."""


def controlled(gateway: Gateway, config: str, mode: str = "enforce", others: str = "") -> None:
    text = API.replace("CONFIG", config).replace("MODE", mode).replace("OTHERS", others)
    ack = gateway.apply(text.replace("name: a}", "name: $name}"))
    assert not [one.reason for one in ack.resources if one.reason], ack.resources


def run(call: Callable[[], None], count: int) -> None:
    """So many of it at the same time, to their ends."""
    callers = [threading.Thread(target=call) for _ in range(count)]
    for one in callers:
        one.start()
    for one in callers:
        one.join(60)


def burst(gateway: Gateway, count: int) -> list[tuple[int, float]]:
    """(status, seconds) of so many requests that begin together, each on a connection of its own."""
    found: list[tuple[int, float]] = []
    together = threading.Barrier(count)

    def call() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", trust_env=False, timeout=60) as client:
            together.wait(30)
            began = time.monotonic()
            status = client.get("/a/x").status_code
            found.append((status, time.monotonic() - began))

    run(call, count)
    return sorted(found)


def test_what_is_beyond_waits_and_then_passes(gateway: Gateway) -> None:
    controlled(gateway, "{maximumRequests: 2, timePeriodInMilliseconds: 500, delayTimeInMillis: 700}")

    answers = burst(gateway, 4)

    assert [status for status, _ in answers] == [200] * 4
    assert sum(seconds >= 0.7 - EARLY for _, seconds in answers) == 2


def test_what_finds_no_room_after_its_delays_is_refused(gateway: Gateway) -> None:
    config = "{maximumRequests: 2, timePeriodInMilliseconds: 60000, delayTimeInMillis: 50, delayAttempts: 3}"
    controlled(gateway, config)

    answers = burst(gateway, 5)

    assert [status for status, _ in answers] == [200] * 2 + [429] * 3
    assert all(seconds >= 0.15 - EARLY for status, seconds in answers if status == 429)


def test_more_than_may_wait_are_refused_at_once(gateway: Gateway) -> None:
    controlled(
        gateway,
        "{maximumRequests: 2, timePeriodInMilliseconds: 500, delayTimeInMillis: 5000, queuingLimit: 2}",
    )

    answers = burst(gateway, 6)

    assert [status for status, _ in answers] == [200] * 4 + [429] * 2
    assert all(seconds < 5 for status, seconds in answers if status == 429)


def test_refused_at_once_without_delays_and_told_when_to_come_again(gateway: Gateway) -> None:
    config = "{maximumRequests: 1, timePeriodInMilliseconds: 60000, delayAttempts: 0, exposeHeaders: true}"
    controlled(gateway, config)

    first, second = gateway.get("/a/x"), gateway.get("/a/x", headers={"x-envoy-fault-delay-request": "9"})

    assert (first.status_code, second.status_code) == (200, 429)
    assert [one.headers["x-ratelimit-remaining"] for one in (first, second)] == ["0", "0"]
    assert 50_000 < int(second.headers["x-ratelimit-reset"]) <= 60_000
    assert 50 <= int(second.headers["retry-after"]) <= 60
    assert second.json() == {"error": "Too many requests; try again later."}


def test_the_upstream_sees_nothing_of_it(gateway: Gateway) -> None:
    controlled(gateway, "{maximumRequests: 1, timePeriodInMilliseconds: 100, delayTimeInMillis: 150}")
    mine = {"x-envoy-fault-delay-request": "9000", "x-envoy-fault-delay-request-percentage": "0"}

    seen = [gateway.get("/a/x", headers=mine).json()["headers"] for _ in range(2)]

    assert not [name for headers in seen for name in headers if "fault" in name]


def test_observed_nothing_waits_and_nothing_is_refused(gateway: Gateway) -> None:
    controlled(gateway, "{maximumRequests: 1, timePeriodInMilliseconds: 60000}", mode="observe")

    answers = burst(gateway, 3)

    assert [status for status, _ in answers] == [200] * 3


def test_no_window_has_more_whatever_the_threads(gateway: Gateway) -> None:
    controlled(gateway, "{maximumRequests: 10, timePeriodInMilliseconds: 400, delayAttempts: 0}")
    passed: list[tuple[float, float]] = []
    ends = time.monotonic() + 2

    def call() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", trust_env=False, timeout=60) as client:
            while time.monotonic() < ends:
                began = time.monotonic()
                if client.get("/a/x").status_code == 200:
                    passed.append((began, time.monotonic()))

    callers = [threading.Thread(target=call) for _ in range(4)]
    for one in callers:
        one.start()
    for one in callers:
        one.join(60)

    # Each was admitted between its beginning and its end: eleven that surely shared a window are too many.
    passed.sort()
    for (began, _), (_, ended) in zip(passed, passed[10:], strict=False):
        assert ended - began >= 0.4
    assert len(passed) > 20


def sent(gateway: Gateway, count: int) -> Counter[int]:
    """The statuses of so many requests that no upstream answers, sent by two callers, 100 at a time."""
    found: list[int] = []

    def call() -> None:
        with connected(gateway.port) as connection, connection.makefile("rb") as answers:
            for _ in range(count // 200):
                connection.sendall(b"GET /a/x HTTP/1.1\r\nhost: x\r\n\r\n" * 100)
                for _ in range(100):
                    found.append(int(answers.readline().split()[1]))
                    length = max(length_of(line) for line in iter(answers.readline, b"\r\n"))
                    answers.read(length)

    run(call, 2)
    return Counter(found)


def length_of(header: bytes) -> int:
    name, _, value = header.partition(b":")
    return int(value) if name.lower() == b"content-length" else 0


def test_a_large_limit_is_kept_and_counted_in_groups(gateway: Gateway) -> None:
    config = "{maximumRequests: 5000, timePeriodInMilliseconds: 3600000, delayAttempts: 0}"
    controlled(gateway, config, others=BLOCK)

    found = sent(gateway, 5400)

    assert set(found) == {403, 429}
    assert 5000 - 2 * spikes.group_of(5000) <= found[403] <= 5000


@pytest.mark.parametrize(
    ("before", "after", "passes"), [(5000, 1200, 600), (1200, 5000, 600), (5000, 500, 0)]
)
def test_another_limit_counts_on(gateway: Gateway, before: int, after: int, passes: int) -> None:
    config = "{maximumRequests: MOST, timePeriodInMilliseconds: 3600000, delayAttempts: 0}"
    controlled(gateway, config.replace("MOST", str(before)), others=BLOCK)
    assert sent(gateway, 600)[403] == 600

    controlled(gateway, config.replace("MOST", str(after)), others=BLOCK)

    passed = sent(gateway, 600)[403]
    assert passes - 2 * spikes.group_of(max(before, after)) <= passed <= passes


def test_it_stands_beside_rate_limiting_and_with_conditions(gateway: Gateway) -> None:
    limit = "{rateLimits: [{maximumRequests: 100, timePeriodInMilliseconds: 60000}]}"
    beside = f"- {{policyRef: {{name: rate-limiting}}, config: {limit}}}"
    config = "{maximumRequests: 1, timePeriodInMilliseconds: 60000, delayTimeInMillis: 50}"
    controlled(gateway, f"{config}, rules: [{{methods: POST}}]", others=beside)

    answers = [gateway.request(method, "/a/x").status_code for method in ("GET", "POST", "GET", "POST")]

    assert answers == [200, 200, 200, 429]
