"""What Envoy's own filters have learned or counted of an API: its neighbours' deployments leave it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateways.agent.xds import kept
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.upstream import serving

pytestmark = pytest.mark.envoy

POLICY = "{policyRef: {name: adaptive-concurrency}, config: {minimumConcurrency: MOST}RULES}"
API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: NAME}
spec:
  address: http://127.0.0.1:${port}/NAME
  services:
    upstream:
      address: "UPSTREAM"
      routes: [{rules: [{path: /one/.*}]}, {rules: [{path: /other/.*}]}]
  policies: [POLICIES]
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway("", tmp_path_factory.mktemp("gateway")) as running:
        yield running


class Waiting(BaseHTTPRequestHandler):
    """Answers once it may, and at once what does not ask to wait."""

    may = threading.Event()
    came = threading.Semaphore(0)

    def do_GET(self) -> None:
        if "?wait" in self.path:
            self.came.release()
            self.may.wait(30)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Waiting)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


@contextmanager
def one_under_way(gateway: Gateway, path: str) -> Iterator[None]:
    Waiting.may.clear()
    found: list[int] = []
    one = threading.Thread(target=lambda: found.append(gateway.get(f"{path}?wait", timeout=60).status_code))
    one.start()
    assert Waiting.came.acquire(timeout=20)
    try:
        yield
    finally:
        Waiting.may.set()
        one.join(60)
    assert found == [200]


def api(name: str, upstream: str, *policies: str) -> str:
    return API.replace("NAME", name).replace("UPSTREAM", upstream).replace("POLICIES", ", ".join(policies))


def limited(most: int, rules: str = "") -> str:
    return POLICY.replace("MOST", str(most)).replace("RULES", rules)


def test_a_neighbours_deployment_leaves_what_is_under_way(gateway: Gateway, upstream: str) -> None:
    few = api("few", upstream, limited(1))
    gateway.apply(few)

    with one_under_way(gateway, "/few/one/x"):
        gateway.apply(
            few
            + "---"
            + api("beside", upstream, "{policyRef: {name: ip-allowlist}, config: {ips: [192.0.2.1]}}")
        )
        beside = gateway.get("/beside/one/x")
        during = gateway.get("/few/one/x")
        gateway.apply(few)
        after = gateway.get("/few/one/x")

    assert (beside.status_code, during.status_code, after.status_code) == (403, 503, 503)


def test_all_routes_of_an_api_count_together_and_no_other_api(gateway: Gateway, upstream: str) -> None:
    gateway.apply(api("few", upstream, limited(1)) + "---" + api("many", upstream, limited(1)))

    with one_under_way(gateway, "/few/one/x"):
        found = [gateway.get(path).status_code for path in ("/few/other/x", "/many/one/x")]
        gateway.apply(api("few", upstream, limited(1)))
        without_the_other = gateway.get("/few/other/x").status_code

    assert (found, without_the_other) == ([503, 200], 503)


def test_a_changed_policy_acts_at_once(gateway: Gateway, upstream: str) -> None:
    gateway.apply(api("few", upstream, limited(1)))

    with one_under_way(gateway, "/few/one/x"):
        before = gateway.get("/few/one/x").status_code
        gateway.apply(api("few", upstream, limited(100)))
        after = gateway.get("/few/one/x").status_code
        gateway.apply(api("few", upstream))
        without = gateway.get("/few/one/x").status_code

    assert (before, after, without) == (503, 200, 200)


def test_it_holds_for_the_requests_of_its_conditions(gateway: Gateway, upstream: str) -> None:
    gateway.apply(api("few", upstream, limited(1, ", rules: [{path: /one/.*}]")))

    with one_under_way(gateway, "/few/one/x"):
        found = [gateway.get(path).status_code for path in ("/few/one/x", "/few/other/x")]

    assert found == [503, 200]


def test_a_neighbours_own_leaves_what_is_under_way(gateway: Gateway, upstream: str) -> None:
    few, beside = api("few", upstream, limited(1)), api("beside", upstream, limited(2))
    slow = "{policyRef: {name: bandwidth-limit}, config: {responseKibibytesPerSecond: 100}}"
    gateway.apply(few)

    with one_under_way(gateway, "/few/one/x"):
        found = []
        for more in (beside, api("beside", upstream, limited(3), slow), api("third", upstream, slow)):
            # As another agent finds it.
            kept.places.cache_clear()
            gateway.apply(f"{more}---{few}")
            found.append(gateway.get("/few/other/x").status_code)

    assert found == [503, 503, 503]
    assert gateway.get("/third/one/x").status_code == 200
