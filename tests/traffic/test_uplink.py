"""From requests through a real Envoy to the batches that the console would take."""

from collections import Counter

import pytest

from gateways.agent.traffic.log_files import LogFiles
from gateways.agent.traffic.uplink import Uplink
from tests.gateways.agent.traffic.log_lines import OffsetConsole
from tests.traffic.gateway import Gateway
from tests.traffic.test_policies import BASIC, api, policy
from tests.traffic.test_routes import api as table
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

LIMIT = {"rateLimits": [{"maximumRequests": 3, "timePeriodInMilliseconds": 3_600_000}]}
SECRET = {"username": "ada", "password": "secret"}


def shipped(uplink: Uplink, console: OffsetConsole, requests: int) -> None:
    """Ships until the console has so many requests; Envoy flushes its log a little later."""

    def has_all() -> bool:
        while uplink.ship():
            pass
        return console.requests >= requests

    wait_until(has_all)


def test_every_request_is_counted_with_its_path_status_and_policy(gateway: Gateway) -> None:
    console = OffsetConsole()
    uplink = Uplink(gateway.envoy.state, console.send, "replica", reopen=gateway.envoy.reopen_logs)
    gateway.apply(
        api(
            policy("http-basic-authentication-flex", SECRET),
            policy("rate-limiting-flex", LIMIT),
            policy("ip-blocklist-flex", {"ips": ["203.0.113.0/24"]}),
        )
    )

    for number in (101, 102, 103, 104):
        gateway.get(f"/orders/items/{number}?key=secret", headers=BASIC)
    gateway.get("/orders/items/105")
    shipped(uplink, console, 5)

    counts = [count for batch in console.batches for count in batch.counts]
    found = Counter(
        (count.api, count.status, count.policy) for count in counts for _ in range(count.requests)
    )
    assert found == {
        ("orders", 200, ""): 3,
        ("orders", 429, "rate-limiting"): 1,
        ("orders", 401, "http-basic-authentication"): 1,
    }
    resources = {count.resource for batch in console.batches for count in batch.resources}
    assert resources == {"/orders/items/{id}"}
    samples = [sample for batch in console.batches for sample in batch.samples]
    assert {sample.path for sample in samples} == {f"/orders/items/{number}" for number in range(101, 106)}
    assert all(count.upstream for count in counts if count.status == 200)
    assert console.shed == 0


@pytest.mark.parametrize("path", ["/told/x", "/told/v1/x", "/told/told/x", "/told/", "/told/a%20b/x"])
@pytest.mark.parametrize(
    ("rule", "destination"),
    [
        (None, ""),
        (None, "/v1"),
        (None, "/told"),
        ({"path": "/.*"}, "/v1"),
        ({"path": "/(.*)"}, "/v1"),
        ({"path": "/([^/]*)(.*)"}, ""),
    ],
)
def test_the_clients_path_is_told_whatever_the_route_makes_of_it(
    gateway: Gateway, rule: dict[str, object] | None, destination: str, path: str
) -> None:
    console = OffsetConsole()
    uplink = Uplink(gateway.envoy.state, console.send, "replica", reopen=gateway.envoy.reopen_logs)
    gateway.apply(table("/told", rule, destination))
    before = len(gateway.log(0))

    assert gateway.get(f"{path}?key=secret").status_code == 200
    gateway.log(before + 1)
    shipped(uplink, console, before + 1)

    assert console.batches[-1].samples[-1].path == path


def test_rotation_under_traffic_loses_nothing(gateway: Gateway) -> None:
    gateway.apply(api(name="rotated"))
    gateway.get("/rotated")
    console = OffsetConsole()
    files = LogFiles(gateway.envoy.state, gateway.envoy.reopen_logs, file_bytes=2000)
    uplink = Uplink(
        gateway.envoy.state, console.send, "replica", reopen=gateway.envoy.reopen_logs, files=files
    )

    for _ in range(120):
        gateway.get("/rotated/x")
        uplink.ship()

    def of_this_api() -> int:
        return sum(c.requests for batch in console.batches for c in batch.counts if c.api == "rotated")

    wait_until(lambda: not uplink.ship() and of_this_api() >= 121)
    assert of_this_api() == 121
    assert len(console.committed) > 1
    assert console.shed == 0
