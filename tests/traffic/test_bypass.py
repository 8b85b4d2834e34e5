"""Requests that try to reach what a policy guards without meeting the policy."""

import pytest
import yaml

from tests.traffic.gateway import Gateway
from tests.traffic.raw import http1, http2

pytestmark = pytest.mark.envoy

OTHER_SPELLINGS = [
    "/admin/x",
    "/admin/x?a=1",
    "/admin/x?/../../public",
    "//admin///x",
    "/./admin/x",
    "/public/../admin/x",
    "/public/%2e%2E/admin/x",
    "/public/..;/admin/x",
    "/%61dm%69n/x",
    "/\\admin\\x",
    "/admin/%0A",
    "/admin/%FF",
    "/admin;a=1/x",
    "/admin;/x",
    "http://other/admin/x",
    "http://user:pass@other//admin/x",
]
AMBIGUOUS = {
    "/admin%2Fx": 307,
    "/public%2f..%2fadmin/x": 307,
    "/admin%5Cx": 307,
    "/admin%00/x": 400,
    "/admin/x#y": 400,
    "admin/x": 400,
    "*": 400,
}
RULES = {
    "^/admin/.*$": "/admin/x?a=1",
    r"\A/admin/.*\z": "/admin/x?a=1",
    "(^/admin$|^/owner$)": "/owner?a=1",
    "/admin(/.*)?$": "/admin?a=1",
    "/admin": "/admin;jsessionid=1?a=1",
    "(?i)/admin/.*": "/ADMIN/x",
    "/[^x]dmin/.*": "/admin/x",
    "/.*": "/admin/x",
    ".*": "",
    "^/?$": "?a=1",
}


def guarded(rule: dict[str, object] | None = None, base: str = "") -> str:
    """An API that takes every request and asks for credentials where the rule holds."""
    guard = {
        "policyRef": {"name": "http-basic-authentication-flex"},
        "config": {"username": "ada", "password": "secret"},
        "rules": [rule] if rule else [],
    }
    return yaml.safe_dump(
        {
            "apiVersion": "gateway.mulesoft.com/v1alpha1",
            "kind": "ApiInstance",
            "metadata": {"name": f"guarded{base.replace('/', '-')}"},
            "spec": {
                "address": "http://127.0.0.1:${port}" + base,
                "services": {"backend": {"address": "${upstream}"}},
                "policies": [guard],
            },
        }
    )


def apply(gateway: Gateway, *apis: str) -> None:
    ack = gateway.apply("---\n".join(apis))
    assert not [one.reason for one in ack.resources if one.reason], ack


def test_other_spellings_of_a_guarded_path_are_guarded(gateway: Gateway) -> None:
    apply(gateway, guarded({"path": "/admin/.*"}))

    found = {target: http1(gateway.port, target.encode()) for target in OTHER_SPELLINGS}

    assert found == dict.fromkeys(OTHER_SPELLINGS, 401)
    assert http1(gateway.port, b"/public/admin/x") == 200


def test_ambiguous_targets_never_reach_the_upstream(gateway: Gateway) -> None:
    apply(gateway, guarded({"path": "/admin/.*"}))

    found = {target: http1(gateway.port, target.encode()) for target in AMBIGUOUS}

    assert found == AMBIGUOUS


def test_rules_written_in_other_ways_guard(gateway: Gateway) -> None:
    bases = {f"/api{number}": rule for number, rule in enumerate(RULES)}
    apply(gateway, *(guarded({"path": rule}, base) for base, rule in bases.items()))

    found = {rule: http1(gateway.port, (base + RULES[rule]).encode()) for base, rule in bases.items()}

    assert found == dict.fromkeys(RULES, 401)


def test_rule_guards_without_a_base_path_too(gateway: Gateway) -> None:
    apply(gateway, guarded({"path": "^/admin/.*$"}))

    assert http1(gateway.port, b"/admin/x?a=1") == 401


def test_other_spellings_of_a_guarded_host_are_guarded(gateway: Gateway) -> None:
    apply(gateway, guarded({"host": r"^api\.example$"}))
    hosts = [b"api.example", b"API.example", b"api.example:8443", b"api.example."]

    found = {host: http1(gateway.port, b"/", host=host) for host in hosts}

    assert found == dict.fromkeys(hosts, 401)


def test_method_in_lower_case_is_guarded_as_the_one_it_resembles(gateway: Gateway) -> None:
    apply(gateway, guarded({"methods": "GET|POST"}))

    assert b"authentication failed" in http2(gateway.port, b"/", method=b"post")
    assert http1(gateway.port, b"/", method=b"get") == 400


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_upgrade_is_guarded(gateway: Gateway, protocol: str) -> None:
    apply(gateway, guarded())
    wanted = f"upgrade: {protocol}\r\nconnection: upgrade\r\n".encode()

    assert http1(gateway.port, b"/", headers=wanted) == 401


def test_tunnel_is_not_opened(gateway: Gateway) -> None:
    apply(gateway, guarded({"path": "/admin"}))
    upstream = f"127.0.0.1:{gateway.upstream.server_port}".encode()

    assert http1(gateway.port, upstream, method=b"CONNECT") == 404
