"""Why a request was refused, and what a policy that only observes would have refused."""

import pytest

from gateways.agent.traffic.labels import Labels, catalog_refusals
from gateways.agent.traffic.tally import Tally
from gateways.protocol.messages import TrafficBatch
from tests.traffic.gateway import Gateway
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

API = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: told}
spec:
  address: http://127.0.0.1:${port}/told
  services: {upstream: {address: "${upstream}"}}
"""
BINDING = """
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {name: NAME}
spec: {targetRef: {name: told}, policyRef: {name: POLICY}, config: CONFIG, mode: MODE}
"""
ALLOW = ("ip-allowlist", "{ips: [203.0.113.1]}")
BLOCK = ("ip-blocklist", "{ips: [127.0.0.0/8]}")
ALLOW_BY_HEADER = ("ip-allowlist", "{ips: [203.0.113.1], ipExpression: \"#[attributes.headers['x-ip']]\"}")
BLOCKED = ("access-block", "{}")
AGENTS = ("user-agent-filter", "{denied: [^curl/], refuseMissing: true}")
BASIC = ("http-basic-authentication", "{username: ann, password: secret}")
LIMIT = ("rate-limiting", "{rateLimits: [{maximumRequests: 1, timePeriodInMilliseconds: 3600000}]}")
LIMIT_BY_KEY = (LIMIT[0], LIMIT[1][:-1] + ", keySelector: \"#[attributes.headers['x-key']]\"}")
WRONG = {"authorization": "Basic YW5uOndyb25n"}
RIGHT = {"authorization": "BASIC YW5uOnNlY3JldA"}

REFUSED = [
    (ALLOW, {}, 403, "address: 127.0.0.1 is not in the list"),
    (BLOCK, {}, 403, "address: 127.0.0.1 is in the list"),
    (ALLOW_BY_HEADER, {"x-ip": "10.1.2.3"}, 403, "address: 10.1.2.3 is not in the list"),
    (ALLOW_BY_HEADER, {"x-ip": "a\xe9b"}, 403, "address: a?b is no address"),
    (ALLOW_BY_HEADER, {}, 403, "address: none is no address"),
    (BLOCKED, {}, 403, "blocked: nobody may call this"),
    (AGENTS, {"user-agent": "curl/8"}, 403, 'user-agent: "curl/8" is not let in'),
    (AGENTS, {"user-agent": ""}, 403, 'user-agent: "" is not let in'),
    (BASIC, {}, 401, "credentials: there are none"),
    (BASIC, WRONG, 401, "credentials: username or password is wrong"),
    (BASIC, {"authorization": "Bearer x"}, 401, "scheme: the authorization is not Basic"),
]


def binding(name: str, policy: tuple[str, str], mode: str = "enforce") -> str:
    filled = BINDING.replace("NAME", name).replace("POLICY", policy[0])
    return filled.replace("CONFIG", policy[1]).replace("MODE", mode)


@pytest.mark.parametrize(("policy", "headers", "status", "reason"), REFUSED)
def test_a_refusal_tells_its_check_and_the_compared_values(
    gateway: Gateway, policy: tuple[str, str], headers: dict[str, str], status: int, reason: str
) -> None:
    gateway.apply(API + binding("one-1", policy))

    answer = gateway.get("/told/x", headers=raw(headers))

    batch = tallied(gateway, answer.headers["x-request-id"])
    assert answer.status_code == status
    assert [(one.policy, one.policy_check) for one in batch.counts] == [(policy[0], reason.partition(":")[0])]
    assert [one.reason for one in batch.samples] == [reason]


@pytest.mark.parametrize(("policy", "headers", "status", "reason"), REFUSED)
def test_what_only_observes_refuses_nothing_and_tells_the_same(
    gateway: Gateway, policy: tuple[str, str], headers: dict[str, str], status: int, reason: str
) -> None:
    gateway.apply(API + binding("one-1", policy, "observe"))

    answer = gateway.get("/told/x", headers=raw(headers))

    batch = tallied(gateway, answer.headers["x-request-id"])
    assert answer.status_code == 200
    assert [(one.policy, one.policy_check) for one in batch.counts] == [("", "")]
    assert [(one.binding, one.requests) for one in batch.observed] == [("one-1", 1)]
    assert [one.observed for one in batch.samples] == [f"one-1: {reason}"]


@pytest.mark.parametrize("headers", [RIGHT, {"authorization": "Basic YW5uOnNlY3JldA=="}])
def test_good_credentials_are_good_when_observed(gateway: Gateway, headers: dict[str, str]) -> None:
    gateway.apply(API + binding("one-1", BASIC, "observe"))

    answer = gateway.get("/told/x", headers=headers)

    assert not tallied(gateway, answer.headers["x-request-id"]).observed


@pytest.mark.parametrize(
    ("policy", "tail"), [(LIMIT, ""), (LIMIT_BY_KEY, ", for the key my-l...")], ids=["plain", "by key"]
)
def test_a_limit_tells_the_quota_and_hides_the_key(
    gateway: Gateway, policy: tuple[str, str], tail: str
) -> None:
    gateway.apply(API + binding("limit-of-reasons" + str(len(tail)), policy))
    headers = {"x-key": "my-long-secret-key"}

    assert gateway.get("/told/x", headers=headers).status_code == 200
    answer = gateway.get("/told/x", headers=headers)

    (sample,) = tallied(gateway, answer.headers["x-request-id"]).samples
    assert answer.status_code == 429
    assert sample.policy_check == "quota"
    assert sample.reason.startswith("quota: 1 requests are used up for 3")
    assert sample.reason.endswith("ms" + tail)


def test_several_that_observe_are_told_in_their_order(gateway: Gateway) -> None:
    gateway.apply(
        API
        + binding("ips-1", ALLOW, "observe")
        + binding("basic-2", BASIC, "observe")
        + binding("never-3", BLOCK, "enforce")
    )

    answer = gateway.get("/told/x")

    batch = tallied(gateway, answer.headers["x-request-id"])
    assert answer.status_code == 403
    assert [one.observed for one in batch.samples] == [
        "ips-1: address: 127.0.0.1 is not in the list; basic-2: credentials: there are none"
    ]
    assert [one.policy_check for one in batch.counts] == ["address"]


def test_a_condition_holds_for_what_observes(gateway: Gateway) -> None:
    gateway.apply(API + binding("ips-1", ALLOW, "observe}").replace("}}", ", rules: [{path: /only}]}"))

    elsewhere, only = gateway.get("/told/x"), gateway.get("/told/only")

    assert not tallied(gateway, elsewhere.headers["x-request-id"]).observed
    assert tallied(gateway, only.headers["x-request-id"]).observed


def test_each_answer_carries_the_id_of_its_request(gateway: Gateway) -> None:
    gateway.apply(API)

    made, given = gateway.get("/told/x"), gateway.get("/told/x", headers={"x-request-id": "my-own-id"})
    nowhere = gateway.get("/nowhere")

    assert made.json()["headers"]["x-request-id"] == made.headers["x-request-id"]
    assert given.headers["x-request-id"] == given.json()["headers"]["x-request-id"] == "my-own-id"
    assert len(nowhere.headers["x-request-id"]) == 36
    assert [one.request_id for one in tallied(gateway, "my-own-id").samples] == ["my-own-id"]


@pytest.mark.parametrize("own", ["0190163d-8694-739b-aea5-966c26f8ad91", "x" * 36, "x" * 300])
def test_a_request_keeps_the_id_that_it_came_with(gateway: Gateway, own: str) -> None:
    gateway.apply(API)

    answer = gateway.get("/told/x", headers={"x-request-id": own})

    assert answer.headers["x-request-id"] == answer.json()["headers"]["x-request-id"] == own


@pytest.mark.parametrize("name", ["cors", "header-injection", "header-removal", "route", "retry"])
def test_what_refuses_nothing_cannot_observe(gateway: Gateway, name: str) -> None:
    ack = gateway.apply(API + binding("one-1", (name, "{}"), "observe"))

    assert f"{name} refuses nothing that could be observed" in ack.resources[0].reason


def test_what_refuses_and_cannot_observe_says_why(gateway: Gateway) -> None:
    ack = gateway.apply(API + binding("one-1", ("adaptive-concurrency", "{}"), "observe"))

    assert "mode: adaptive-concurrency cannot observe only: the limit is learned" in ack.resources[0].reason


def tallied(gateway: Gateway, request_id: str) -> TrafficBatch:
    """What the console is told of the request."""
    log = gateway.envoy.state / "access.log"
    found: list[bytes] = []

    def is_written() -> bool:
        found[:] = [one for one in log.read_bytes().splitlines() if request_id.encode() in one]
        return bool(found)

    wait_until(is_written)
    tally = Tally(Labels(catalog_refusals()), 10)
    tally.add(found[-1])
    return tally.batch("r", "1", 0, 1)


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
