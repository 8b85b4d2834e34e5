"""Another upstream takes over, with a path of its own: what each try sends, whoever it goes to."""

from collections.abc import Iterator

import pytest

from gateways.agent.xds import access_log
from tests.ports import free_port
from tests.traffic.gateway import Gateway
from tests.traffic.origin import Given, Origin, origin
from tests.traffic.raw import http1
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec: {address: "http://127.0.0.1:${port}/orders"}
---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: orders-route}
spec:
  targetRef: {name: orders}
  policyRef: {name: route}
  config: {destinationRef: {name: backend}, destinationPath: "DESTINATION"}
  rules: [{path: "RULE"}]
---
apiVersion: gatewright.dev/v1alpha1
kind: Service
metadata: {name: backend}
spec:
  address: http://orders.example.com
  hosts: [{address: "127.0.0.1:FIRST"}]
  failover: {address: "127.0.0.1:SPARE", path: "PATH"}
  retries: {most: 3, statusCodes: [503], firstPauseInMilliseconds: 1, longestPauseInMilliseconds: 1}
"""
MARK = "x-gatewright-takes-over"


@pytest.fixture
def first() -> Iterator[Origin]:
    with origin() as server:
        yield server


@pytest.fixture
def spare() -> Iterator[Origin]:
    with origin() as server:
        yield server


def applied(gateway: Gateway, first: int, spare: Origin, **more: str) -> None:
    text = API
    named = {"FIRST": str(first), "SPARE": str(spare.server_port), "RULE": "/.*", "DESTINATION": "/v1"}
    for name, value in {**named, "PATH": "/backup/v1", **more}.items():
        text = text.replace(name, value)
    ack = gateway.apply(text)
    assert ack.applied, ack.reason
    assert not [one for one in ack.resources if one.reason], ack.resources


def targets(*servers: Origin) -> list[list[str]]:
    return [[one.target for one in server.seen] for server in servers]


def refusing(server: Origin, times: int) -> None:
    """So many requests from now on, with 503."""
    server.seen.clear()
    server.answer = lambda asked: Given(status=503 if len(server.seen) <= times else 200)


@pytest.mark.parametrize(
    ("rule", "destination", "path", "sent", "got"),
    [
        ("/.*", "/v1", "/backup/v1", "/orders/7?x=/v1&y=%2F", "/backup/v1/7?x=/v1&y=%2F"),
        ("/.*", "/v1", "/backup/v1", "/orders", "/backup/v1"),
        ("/.*", "/v1", "/backup/v1", "/orders?x", "/backup/v1?x"),
        ("/.*", "/v1", "/backup/v1", "/orders/a%20b//v1/v1", "/backup/v1/a%20b//v1/v1"),
        ("/.*", "/v1", "/v1/v1", "/orders/v1", "/v1/v1/v1"),
        ("/.*", "/v1", "/", "/orders?x", "/?x"),
        ("/.*", "/v1", "/", "/orders//a", "/a"),
        ("/.*", "/", "/backup/v1", "/orders/a", "/backup/v1/a"),
        ("/.*", "/v1/", "/backup/v1/", "/orders/a", "/backup/v1/a"),
        ("/.*", "/v1", "/b%2Bc/$1", "/orders/" + "a" * 9000, "/b%2Bc/$1/" + "a" * 9000),
        ("/(.*)/items/(.*)", "/v1/", "/backup/v1", "/orders/a/items/b?c", "/backup/v1/ab?c"),
        ("/all(/.*)", "/v1", "/backup/v1", "/orders/all/b?c", "/backup/v1/b?c"),
        ("/all(.*)", "/v1", "/backup/v1", "/orders/allb", "/backup/v1b"),
        ("/all(.*)", "/v1", "/", "/orders/allb", "/b"),
    ],
)
def test_it_gets_its_own_path_in_the_place_of_the_first(
    gateway: Gateway, spare: Origin, rule: str, destination: str, path: str, sent: str, got: str
) -> None:
    applied(gateway, free_port(), spare, RULE=rule, DESTINATION=destination, PATH=path)

    assert gateway.get(sent, headers={MARK: "no"}).status_code == 200

    (asked,) = spare.seen
    assert asked.target == got
    assert asked.headers["host"] == f"127.0.0.1:{spare.server_port}"
    assert MARK not in asked.headers


def test_each_try_has_the_path_of_the_upstream_that_it_goes_to(
    gateway: Gateway, first: Origin, spare: Origin
) -> None:
    applied(gateway, first.server_port, spare)
    assert gateway.get("/orders/7", headers={MARK: "yes"}).status_code == 200
    assert targets(first, spare) == [["/v1/7"], []]
    assert MARK not in first.seen[0].headers

    refusing(first, 1)
    assert gateway.get("/orders/7?x=1").status_code == 200
    assert targets(first, spare) == [["/v1/7?x=1"], ["/backup/v1/7?x=1"]]

    refusing(first, 1)
    refusing(spare, 1)
    assert gateway.get("/orders/7?x=2").status_code == 200
    assert targets(first, spare) == [["/v1/7?x=2"] * 2, ["/backup/v1/7?x=2"]]
    assert first.seen[-1].headers["host"] == "orders.example.com"

    refusing(first, 9)
    refusing(spare, 9)
    assert gateway.get("/orders/7?x=3").status_code == 503
    assert targets(first, spare) == [["/v1/7?x=3"] * 2, ["/backup/v1/7?x=3"] * 2]


def test_what_comes_of_its_path_is_judged_too(gateway: Gateway, first: Origin, spare: Origin) -> None:
    """Neither upstream gets what only one of them would read as a way out."""
    applied(gateway, first.server_port, spare, RULE="/all(.*)", PATH="/")
    assert http1(gateway.port, b"/orders/all../x") == 400
    assert http1(gateway.port, b"/orders/all;x") == 400
    assert targets(first, spare) == [[], []]

    applied(gateway, first.server_port, spare, RULE="/all(.*)")
    assert http1(gateway.port, b"/orders/all../x") == 200
    assert targets(first, spare) == [["/v1../x"], []]


def test_the_log_tells_the_path_of_the_client(gateway: Gateway, spare: Origin) -> None:
    applied(gateway, free_port(), spare)
    gateway.get("/orders/seven")

    def is_told() -> bool:
        lines = (gateway.envoy.state / "access.log").read_bytes().splitlines()
        found = [(line, access_log.key(access_log.fields(line)[1])) for line in lines]
        return "/orders/seven" in [access_log.entry(line, key).path for line, key in found if key]

    wait_until(is_told)
