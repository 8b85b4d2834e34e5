"""Every policy in a whole gateway: one request passes, one is refused, and the log says by which policy."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from tests.traffic.gateway import Gateway, running_gateway

pytestmark = pytest.mark.envoy

BASIC = {"authorization": "Basic YWRhOnNlY3JldA=="}
ELSEWHERE = {"x-real-ip": "203.0.113.9"}
REAL_IP = "#[attributes.headers['x-real-ip'] default attributes.remoteAddress]"
LIMIT = {"rateLimits": [{"maximumRequests": 1, "timePeriodInMilliseconds": 3_600_000}]}
INVERSE = {"inboundHeaders": [{"key": "x-inverse", "value": "#[1 / attributes.headers['x-divisor']]"}]}


def api(*policies: dict[str, Any], name: str = "orders") -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "gateway.mulesoft.com/v1alpha1",
            "kind": "ApiInstance",
            "metadata": {"name": name},
            "spec": {
                "address": "http://127.0.0.1:${port}/" + name,
                "services": {"backend": {"address": "${upstream}", "routes": [{"rules": [{"path": "/.*"}]}]}},
                "policies": list(policies),
            },
        }
    )


def policy(name: str, config: dict[str, Any], **rule: str) -> dict[str, Any]:
    return {"policyRef": {"name": name}, "config": config, **({"rules": [rule]} if rule else {})}


@pytest.mark.parametrize("rule", [{}, {"methods": "GET"}], ids=["always", "on a condition"])
@pytest.mark.parametrize(
    ("name", "config", "passing", "refused", "status"),
    [
        ("http-basic-authentication-flex", {"username": "ada", "password": "secret"}, BASIC, {}, 401),
        ("ip-allowlist", {"ips": ["127.0.0.1"], "ipExpression": REAL_IP}, {}, ELSEWHERE, 403),
        ("ip-blocklist-flex", {"ips": ["203.0.113.0/24"], "ipExpression": REAL_IP}, {}, ELSEWHERE, 403),
        ("rate-limiting-flex", LIMIT, {}, {}, 429),
        ("header-injection", INVERSE, {"x-divisor": "1"}, {}, 500),
    ],
)
def test_one_request_passes_and_one_is_refused(
    gateway: Gateway,
    rule: dict[str, str],
    name: str,
    config: dict[str, Any],
    passing: dict[str, str],
    refused: dict[str, str],
    status: int,
) -> None:
    label = f"{name}-{'some' if rule else 'all'}"
    ack = gateway.apply(api(policy(name, config, **rule), name=label))
    assert ack.applied, ack.reason

    statuses = [gateway.get(f"/{label}/x", headers=headers).status_code for headers in (passing, refused)]

    assert statuses == [200, status]
    if rule:
        assert gateway.request("PUT", f"/{label}/x", headers=refused).status_code == 200


@pytest.mark.parametrize("rule", [{}, {"methods": "GET"}], ids=["always", "on a condition"])
@pytest.mark.parametrize("before", [[], ["header-removal"]], ids=["first", "behind another"])
@pytest.mark.parametrize(
    ("name", "ips", "status"),
    [
        ("ip-allowlist", ["127.0.0.0/8"], 200),
        ("ip-allowlist", ["10.0.0.0/8", "::1"], 403),
        ("ip-blocklist", ["127.0.0.0/8"], 403),
        ("ip-blocklist", ["10.0.0.0/8", "::1"], 200),
    ],
)
def test_the_peer_itself_is_looked_up_wherever_the_policy_stands(
    gateway: Gateway, before: list[str], rule: dict[str, str], name: str, ips: list[str], status: int
) -> None:
    lookup = policy(name, {"ips": ips, "ipExpression": "#[attributes.remoteAddress]"}, **rule)
    earlier = [policy(one, {"inboundHeaders": ["x-none"]}) for one in before]
    gateway.apply(api(*earlier, lookup, name="peer"))

    answer = gateway.get("/peer/x", headers=ELSEWHERE)

    assert answer.status_code == status
    if rule:
        assert gateway.request("PUT", "/peer/x").status_code == 200


HERE, NOT_HERE = {"ips": ["127.0.0.0/8"]}, {"ips": ["10.0.0.0/8"]}
ADA = policy("http-basic-authentication", {"username": "ada", "password": "secret"})


@pytest.mark.parametrize("scheme", ["Basic", "basic ", "BASIC"])
@pytest.mark.parametrize(
    ("policies", "status"),
    [
        ([policy("ip-allowlist", HERE), ADA], 200),
        ([ADA, policy("ip-allowlist", HERE)], 200),
        ([policy("ip-allowlist", HERE), policy("ip-blocklist", NOT_HERE), ADA], 200),
        ([policy("ip-allowlist", HERE, methods="GET"), ADA], 200),
        ([policy("ip-allowlist", NOT_HERE), ADA], 403),
        ([policy("ip-allowlist", HERE), policy("ip-blocklist", HERE), ADA], 403),
        ([policy("ip-allowlist", HERE), policy("ip-blocklist", HERE, methods="PUT"), ADA], 200),
    ],
    ids=["rule first", "rule last", "two", "on a condition", "not listed", "listed", "another method"],
)
def test_a_scheme_may_be_written_in_any_way_beside_ip_rules(
    gateway: Gateway, policies: list[dict[str, Any]], status: int, scheme: str
) -> None:
    ack = gateway.apply(api(*policies, name="beside"))
    assert ack.applied, ack.reason

    answers = [
        gateway.get("/beside/x", headers={"authorization": f"{scheme} {text}"}).status_code
        for text in ("YWRhOnNlY3JldA==", "YWRhOndyb25n")
    ]

    assert answers == [status, 401 if status == 200 else status]


def test_more_conditions_than_an_ip_rule_leaves_room_for(gateway: Gateway) -> None:
    peer = policy("ip-allowlist", {"ips": ["10.0.0.0/8"], "ipExpression": "#[attributes.remoteAddress]"})
    removals = [policy("header-removal", {"inboundHeaders": ["x-a"]}, path=f"/{n}") for n in range(6)]

    ack = gateway.apply(api(peer, *removals, name="crowded"))

    assert [one.reason for one in ack.resources if one.name == "crowded"] == [""]
    assert gateway.get("/crowded/x").status_code == 403


def test_a_condition_may_be_a_long_expression(gateway: Gateway) -> None:
    uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    refusing = policy("ip-allowlist", {"ips": ["192.0.2.1"]}, path=f"/customers/{uuid}/orders")

    ack = gateway.apply(api(refusing, name="long"))

    assert [one.reason for one in ack.resources if one.name == "long"] == [""]
    assert gateway.get(f"/long/customers/{uuid4()}/orders").status_code == 403
    assert gateway.get("/long/customers/7/orders").status_code == 200


def test_access_log_names_the_policy_that_refused(tmp_path: Path) -> None:
    denied = {"ips": ["127.0.0.1"], "ipExpression": REAL_IP}
    with running_gateway(api(policy("ip-blocklist", denied)), tmp_path) as gateway:
        gateway.get("/orders/x")

        (key,) = gateway.log()
        assert key and (key.status, key.policy) == (403, "ip-blocklist")


def test_access_log_names_the_native_policy_that_refused(tmp_path: Path) -> None:
    denied = {"ips": ["127.0.0.1"]}
    with running_gateway(api(policy("ip-blocklist", denied)), tmp_path) as gateway:
        gateway.get("/orders/x")

        (key,) = gateway.log()
        assert key and (key.status, key.details) == (403, "rbac_access_denied_matched_policy[ip-blocklist]")


def test_counters_survive_a_push(gateway: Gateway) -> None:
    gateway.apply(api(policy("rate-limiting", LIMIT), name="counted"))
    assert [gateway.get("/counted/x").status_code for _ in range(2)] == [200, 429]

    header = policy("header-injection", {"outboundHeaders": [{"key": "x-new", "value": "1"}]})
    gateway.apply(api(header, policy("rate-limiting", LIMIT), name="counted"))

    answer = gateway.get("/counted/x")
    assert (answer.headers["x-new"], answer.status_code) == ("1", 429)


def test_inline_policy_shares_no_counter_with_a_binding_of_like_name(gateway: Gateway) -> None:
    binding = {
        "apiVersion": "gateway.mulesoft.com/v1alpha1",
        "kind": "PolicyBinding",
        "metadata": {"name": "own-rate-limiting"},
        "spec": {"targetRef": {"name": "other"}, "policyRef": {"name": "rate-limiting"}, "config": LIMIT},
    }
    apis = [api(policy("rate-limiting", LIMIT), name="own"), api(name="other")]
    gateway.apply("---\n".join([*apis, yaml.safe_dump(binding)]))

    statuses = [gateway.get(path).status_code for path in ("/own/x", "/other/x", "/own/x", "/other/x")]

    assert statuses == [200, 200, 429, 429]


def binding(name: str, target: dict[str, Any], order: int | None) -> str:
    """An injection of a response header, so that the order can be told from the answer."""
    header = {"outboundHeaders": [{"key": "x-order", "value": name}]}
    spec = {"targetRef": target, "policyRef": {"name": "header-injection"}, "config": header}
    return yaml.safe_dump(
        {
            "apiVersion": "gateway.mulesoft.com/v1alpha1",
            "kind": "PolicyBinding",
            "metadata": {"name": name},
            "spec": {**spec, **({} if order is None else {"order": order})},
        }
    )


def test_responses_pass_policies_last_to_first(gateway: Gateway) -> None:
    """By order; of equal order those by selector, then inline ones, then the API's other bindings."""
    inline = policy("header-injection", {"outboundHeaders": [{"key": "x-order", "value": "inline"}]})
    every = {"kind": "Selector", "selector": {"kind": "ApiInstance"}}
    bindings = [
        binding("late", {"name": "ordered"}, 60),
        binding("own", {"name": "ordered"}, None),
        binding("every", every, None),
        binding("early", {"name": "ordered"}, 5),
    ]
    gateway.apply("---\n".join([api(inline, name="ordered"), *bindings]))

    answer = gateway.get("/ordered/x")

    assert answer.headers.get_list("x-order") == ["late", "own", "inline", "every", "early"]


def test_cors_comes_before_authentication(gateway: Gateway) -> None:
    basic = policy("http-basic-authentication", {"username": "ada", "password": "secret"})
    gateway.apply(api(basic, policy("cors", {}), name="sites"))
    origin = {"origin": "https://shop.example.com", "access-control-request-method": "PUT"}

    preflight = gateway.request("OPTIONS", "/sites/x", headers=origin)
    refused = gateway.get("/sites/x", headers=origin)

    assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (200, "PUT")
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, origin["origin"])


def test_headers_are_removed(gateway: Gateway) -> None:
    removal = {"inboundHeaders": ["x-secret.*"], "outboundHeaders": ["x-upstream"]}
    gateway.apply(api(policy("header-removal-flex", removal), name="clean"))

    answer = gateway.get("/clean/x", headers={"x-secret-key": "1", "x-kept": "2"})

    assert "x-upstream" not in answer.headers
    assert answer.json()["headers"].keys() & {"x-secret-key", "x-kept"} == {"x-kept"}
