"""Upstreams of several hosts: who gets what, who gets nothing, and what is told of them."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from tests.ports import free_port
from tests.traffic.gateway import Gateway
from tests.traffic.upstream import EchoServer, echo
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
  config: {destinationRef: {name: backend}}
---
apiVersion: gatewright.dev/v1alpha1
kind: Service
metadata: {name: backend}
spec:
  address: http://orders.example.com
"""


@pytest.fixture
def hosts() -> Iterator[list[EchoServer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(echo(name)) for name in ("a", "b", "c")]


def applied(gateway: Gateway, spec: str) -> None:
    """With the Service's further fields, each a line."""
    lines = "\n".join(f"  {line}" for line in spec.strip().splitlines())
    ack = gateway.apply(API + lines)
    assert ack.applied, ack.reason
    assert not [one for one in ack.resources if one.reason], ack.resources


def listed(hosts: list[EchoServer], *fields: str) -> str:
    """A list of hosts, each with the further fields that it has."""
    rows = [
        f'{{address: "127.0.0.1:{one.server_port}"{", " if more else ""}{more}}}'
        for one, more in zip(hosts, [*fields, *("",) * len(hosts)], strict=False)
    ]
    return f"hosts: [{', '.join(rows)}]"


def reached(gateway: Gateway, requests: int = 40, path: str = "/orders", **options: object) -> Counter[str]:
    """Who answered how many of so many requests; "" is the gateway itself."""
    answers = [gateway.get(path, **options) for _ in range(requests)]
    return Counter(one.headers.get("x-upstream", "") for one in answers)


def test_requests_go_to_all_hosts_by_their_weights(gateway: Gateway, hosts: list[EchoServer]) -> None:
    applied(gateway, listed(hosts, "weight: 3", "weight: 1", "weight: 0"))

    assert reached(gateway) == {"a": 30, "b": 10}
    answer = gateway.get("/orders/7").json()
    assert answer["headers"]["host"] == "orders.example.com"
    assert answer["path"] == "/7"


@pytest.mark.parametrize(
    ("hash_on", "one"),
    [
        ("hashOn: header, name: x-tenant", {"x-tenant": "shop"}),
        ("hashOn: cookie, name: who", {"cookie": "who=ann"}),
    ],
)
def test_a_consistent_hash_sends_the_same_to_the_same(
    gateway: Gateway, hosts: list[EchoServer], hash_on: str, one: dict[str, str]
) -> None:
    applied(gateway, f"{listed(hosts)}\nloadBalancing: {{algorithm: consistentHash, {hash_on}}}")

    assert len(reached(gateway, headers=one)) == 1
    (name,) = one
    others = [reached(gateway, 1, headers={name: f"{one[name]}{number}"}) for number in range(40)]
    assert len(sum(others, Counter())) == 3


def test_the_address_of_the_client_is_hashed(gateway: Gateway, hosts: list[EchoServer]) -> None:
    applied(gateway, f"{listed(hosts)}\nloadBalancing: {{algorithm: consistentHash}}")

    assert len(reached(gateway)) == 1


def test_a_sticky_cookie_is_set_and_kept_to(gateway: Gateway, hosts: list[EchoServer]) -> None:
    applied(
        gateway, f"{listed(hosts)}\nloadBalancing: {{algorithm: sticky, name: stay, lifetimeInSeconds: 60}}"
    )

    # Those of one connection are taken for one browser.
    strangers = [httpx.get(f"http://127.0.0.1:{gateway.port}/orders", trust_env=False) for _ in range(40)]
    assert len({one.headers["x-upstream"] for one in strangers}) == 3
    cookie = strangers[-1].headers["set-cookie"]
    assert cookie.startswith("stay=")
    assert all(part in cookie for part in ("Max-Age=60", "HttpOnly", "SameSite=Lax", "Path=/"))

    sent = {"cookie": cookie.partition(";")[0]}
    assert reached(gateway, headers=sent) == {strangers[-1].headers["x-upstream"]: 40}


def test_a_host_that_answers_badly_gets_nothing_and_comes_back(
    gateway: Gateway, hosts: list[EchoServer]
) -> None:
    check = (
        "healthCheck: {kind: http, path: /health, intervalInSeconds: 1, unhealthyAfter: 1, healthyAfter: 1}"
    )
    applied(gateway, f"{listed(hosts[:2])}\n{check}")
    wait_until(lambda: set(reached(gateway, 6)) == {"a", "b"})

    hosts[0].status = 503
    wait_until(lambda: reached(gateway, 6) == {"b": 6})
    told = gateway.health()["default/backend"]
    assert (told["healthy"], told["total"]) == (1, 2)
    assert told["unhealthy"] == [f"127.0.0.1:{hosts[0].server_port}"]
    assert [(one["address"], one["state"]) for one in told["hosts"]] == [
        (f"127.0.0.1:{hosts[0].server_port}", "unhealthy"),
        (f"127.0.0.1:{hosts[1].server_port}", "healthy"),
    ]

    hosts[0].status = 200
    wait_until(lambda: set(reached(gateway, 6)) == {"a", "b"})


@pytest.mark.parametrize("refuses", [True, False])
def test_with_no_host_healthy_requests_are_refused_or_sent(
    gateway: Gateway, hosts: list[EchoServer], refuses: bool
) -> None:
    check = "healthCheck: {kind: http, path: '/health?status=500', intervalInSeconds: 1}"
    balancing = f"loadBalancing: {{refuseWhileUnhealthy: {str(refuses).lower()}}}"
    applied(gateway, f"{listed(hosts)}\n{check}\n{balancing}")
    wait_until(lambda: gateway.health()["default/backend"]["unhealthy"])

    assert set(reached(gateway, 9)) == ({""} if refuses else {"a", "b", "c"})


def test_tcp_is_enough_of_a_check(gateway: Gateway, hosts: list[EchoServer]) -> None:
    check = "healthCheck: {kind: tcp, intervalInSeconds: 1, unhealthyAfter: 1}"
    gone = f'hosts: [{{address: "127.0.0.1:{hosts[0].server_port}"}}, {{address: "127.0.0.1:{free_port()}"}}]'
    applied(gateway, f"{gone}\n{check}\nretries: {{most: 0}}")

    wait_until(lambda: gateway.health()["default/backend"]["unhealthy"])
    assert reached(gateway, 10) == {"a": 10}


def test_a_backup_serves_while_no_other_host_is_healthy(gateway: Gateway, hosts: list[EchoServer]) -> None:
    check = "healthCheck: {kind: http, intervalInSeconds: 1, unhealthyAfter: 1, healthyAfter: 1}"
    applied(gateway, f"{listed(hosts, '', '', 'backup: true')}\n{check}")
    wait_until(lambda: set(reached(gateway, 6)) == {"a", "b"})

    hosts[0].status = 500
    wait_until(lambda: reached(gateway, 6) == {"b": 6})
    hosts[1].status = 500
    wait_until(lambda: reached(gateway, 6) == {"c": 6})
    assert [one["backup"] for one in gateway.health()["default/backend"]["hosts"]].count(True) == 1
    hosts[0].status = 200
    wait_until(lambda: reached(gateway, 6) == {"a": 6})


def test_a_host_is_ejected_after_errors_and_comes_back(gateway: Gateway, hosts: list[EchoServer]) -> None:
    ejecting = "outlierDetection: {consecutiveErrors: 2, intervalInSeconds: 1, ejectionInSeconds: 1}"
    applied(gateway, f"{listed(hosts[:2])}\n{ejecting}")
    hosts[0].status = 500

    reached(gateway, 4)
    wait_until(lambda: gateway.health()["default/backend"]["unhealthy"])
    assert reached(gateway, 6) == {"b": 6}
    assert {one["state"] for one in gateway.health()["default/backend"]["hosts"]} == {"ejected", "healthy"}

    hosts[0].status = 200
    wait_until(lambda: set(reached(gateway, 6)) == {"a", "b"})


def test_what_fails_is_tried_on_another_host(gateway: Gateway, hosts: list[EchoServer]) -> None:
    applied(gateway, f"{listed(hosts[:2])}\nretries: {{most: 1, statusCodes: [503]}}")
    hosts[0].status = 503

    assert reached(gateway, 20) == {"b": 20}
    assert {gateway.post("/orders").status_code for _ in range(4)} == {200, 503}


def test_a_host_that_refuses_connections_costs_no_request(gateway: Gateway, hosts: list[EchoServer]) -> None:
    applied(
        gateway,
        f'hosts: [{{address: "127.0.0.1:{hosts[0].server_port}"}}, {{address: "127.0.0.1:{free_port()}"}}]',
    )

    assert reached(gateway, 20) == {"a": 20}


def test_an_upstream_has_a_time_limit_of_its_own(gateway: Gateway, hosts: list[EchoServer]) -> None:
    applied(gateway, f"{listed(hosts[:1])}\ntimeouts: {{responseInMilliseconds: 100}}")
    hosts[0].seconds = 2

    assert gateway.get("/orders").status_code == 504


def test_what_is_beyond_a_bound_is_refused(gateway: Gateway, hosts: list[EchoServer]) -> None:
    applied(gateway, f"{listed(hosts[:1])}\nlimits: {{maxRequests: 1}}")
    hosts[0].seconds = 1

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: gateway.get("/orders").status_code, range(4)))

    assert sorted(answers) == [200, 503, 503, 503]


def test_a_host_that_never_answers_its_check_costs_no_request_of_a_change(
    gateway: Gateway, hosts: list[EchoServer]
) -> None:
    """Envoy has no new cluster before each of its hosts was asked: routes lead to the old one until then."""
    applied(gateway, listed(hosts[:1]))
    stop, answers = threading.Event(), Counter[int]()

    def call() -> None:
        while not stop.is_set():
            answers[httpx.get(f"http://127.0.0.1:{gateway.port}/orders", trust_env=False).status_code] += 1

    with socket.socket() as silent, ThreadPoolExecutor(1) as threads:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        calling = threads.submit(call)
        ports = hosts[1].server_port, silent.getsockname()[1]
        both = ", ".join(f'{{address: "127.0.0.1:{port}"}}' for port in ports)
        try:
            applied(gateway, f"hosts: [{both}]\nhealthCheck: {{kind: http, timeoutInSeconds: 4}}")
            assert reached(gateway, 10) == {"b": 10}
        finally:
            stop.set()
        calling.result()

    assert set(answers) == {200}


@pytest.mark.parametrize(
    "balancing",
    [
        "{algorithm: roundRobin, slowStartInSeconds: 30}",
        "{algorithm: leastRequest, slowStartInSeconds: 30, refuseWhileUnhealthy: true}",
        "{algorithm: random}",
        "{algorithm: consistentHash}",
        "{algorithm: sticky, lifetimeInSeconds: 3600}",
    ],
)
def test_envoy_takes_all_that_may_be_said(gateway: Gateway, hosts: list[EchoServer], balancing: str) -> None:
    spec = f"""
hosts:
- {{address: "localhost:{hosts[0].server_port}"}}
- {{address: "127.0.0.1:{hosts[1].server_port}"}}
- {{address: nowhere.invalid}}
loadBalancing: {balancing}
healthCheck: {{kind: http, statuses: [200, 204-299], intervalInSeconds: 1, timeoutInSeconds: 1}}
outlierDetection: {{consecutiveErrors: 5, ejectionInSeconds: 600}}
timeouts: {{connectInMilliseconds: 1000, responseInMilliseconds: 60000, idleInMilliseconds: 100}}
retries: {{most: 10, statusCodes: [], methods: [POST], longestPauseInMilliseconds: 60000}}
limits: {{maxConnections: 5, maxPendingRequests: 5, maxRetries: 0, maxRequestsPerConnection: 1}}
dns: {{refreshInSeconds: 1, respectTtl: true}}
"""
    applied(gateway, spec)

    assert set(reached(gateway, 10)) <= {"a", "b"}
    told = {one["name"]: one["address"] for one in gateway.health()["default/backend"]["hosts"]}
    assert told["localhost"] == f"127.0.0.1:{hosts[0].server_port}"
    assert "nowhere.invalid" not in told


def test_another_upstream_takes_over_when_none_can_be_reached(
    gateway: Gateway, hosts: list[EchoServer]
) -> None:
    """At once, by a retry: nothing is asked about hosts. It is called by its own name, as the upstream is."""
    well, spare, _ = hosts
    failover = f"failover: {{address: '127.0.0.1:{spare.server_port}'}}"
    applied(gateway, f"hosts: [{{address: '127.0.0.1:{free_port()}'}}]\n{failover}")

    assert reached(gateway) == {"b": 40}
    assert gateway.post("/orders").status_code == 503, "it may be done once alone"
    put = gateway.request("PUT", "/orders/7?x=1").json()
    assert put["path"] == "/7?x=1"
    assert put["headers"]["host"] == f"127.0.0.1:{spare.server_port}"

    applied(gateway, f"hosts: [{{address: '127.0.0.1:{well.server_port}'}}]\n{failover}")
    assert reached(gateway) == {"a": 40}
    assert gateway.get("/orders").json()["headers"]["host"] == "orders.example.com"


def all_dead(spare: EchoServer, algorithm: str) -> str:
    dead = ", ".join(f"{{address: '127.0.0.1:{free_port()}'}}" for _ in range(3))
    failover = f"failover: {{address: '127.0.0.1:{spare.server_port}'}}"
    return f"hosts: [{dead}]\n{failover}\nloadBalancing: {{algorithm: {algorithm}}}"


@pytest.mark.parametrize("algorithm", ["roundRobin", "leastRequest", "random", "consistentHash", "sticky"])
def test_it_takes_over_from_several_hosts_too(
    gateway: Gateway, hosts: list[EchoServer], algorithm: str
) -> None:
    applied(gateway, all_dead(hosts[1], algorithm))

    assert reached(gateway) == {"b": 40}
    assert gateway.get("/orders").json()["headers"]["host"] == f"127.0.0.1:{hosts[1].server_port}"


@pytest.mark.parametrize("algorithm", ["roundRobin", "sticky"])
def test_a_retry_tries_another_host_of_its_own_first(
    gateway: Gateway, hosts: list[EchoServer], algorithm: str
) -> None:
    """So that whose host is lost meets another one, and not what is meant for the loss of all."""
    well, spare, _ = hosts
    dead = f"{{address: '127.0.0.1:{free_port()}'}}"
    failover = f"failover: {{address: '127.0.0.1:{spare.server_port}'}}"
    own = listed([well]).replace("[", f"[{dead}, ")
    applied(gateway, f"{own}\n{failover}\nloadBalancing: {{algorithm: {algorithm}}}")

    assert reached(gateway) == {"a": 40}


def test_a_caller_keeps_its_host_where_another_upstream_may_take_over(
    gateway: Gateway, hosts: list[EchoServer]
) -> None:
    *own, spare = hosts
    failover = f"failover: {{address: '127.0.0.1:{spare.server_port}'}}"
    check = "healthCheck: {kind: tcp, intervalInSeconds: 1}"
    applied(gateway, f"{listed(own)}\n{failover}\n{check}\nloadBalancing: {{algorithm: sticky}}")

    first = httpx.get(f"http://127.0.0.1:{gateway.port}/orders", trust_env=False)
    cookie = {"cookie": first.headers["set-cookie"].partition(";")[0]}
    assert reached(gateway, 20, headers=cookie) == {first.headers["x-upstream"]: 20}
    assert first.headers["x-upstream"] in ("a", "b")
    told = {one["address"]: one["backup"] for one in gateway.health()["default/backend"]["hosts"]}
    assert told == {f"127.0.0.1:{one.server_port}": one is spare for one in hosts}


def test_another_upstream_takes_over_while_no_host_is_healthy(
    gateway: Gateway, hosts: list[EchoServer]
) -> None:
    bad, spare, _ = hosts
    checks = "kind: http, intervalInSeconds: 1, unhealthyAfter: 1, healthyAfter: 1"
    failover = f"failover: {{address: '127.0.0.1:{spare.server_port}'}}"
    applied(gateway, f"{listed([bad])}\n{failover}\nhealthCheck: {{{checks}}}\nretries: {{most: 0}}")
    wait_until(lambda: reached(gateway, 4) == {"a": 4})

    bad.status = 503

    wait_until(lambda: reached(gateway, 4) == {"b": 4})
