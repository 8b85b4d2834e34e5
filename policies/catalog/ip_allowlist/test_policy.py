"""IP Allowlist through a real Envoy."""

from collections.abc import Iterator

import pytest

from tests.policies.envoy import Envoy, compiled, running_envoy

IPS = ["192.168", "203.0.113.0/25", "198.51.100.7", "2001:db8::/33", "::1"]
REAL_IP = "#[attributes.headers['x-real-ip']]"
FORWARDED = "#[attributes['headers']['X-Forwarded-For']]"
REMOTE = "#[attributes.remoteAddress]"


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    folder = tmp_path_factory.mktemp("ip_allowlist")
    configs = {
        "real-ip": {"ips": IPS, "ipExpression": REAL_IP},
        "broken": {"ips": IPS, "ipExpression": "#[lower([1])]"},
        "peer": {"ips": ["127.0.0.0/8"], "ipExpression": REMOTE},
        "default": {"ips": ["127.0.0.0/8"]},
        "forwarded": {"ips": ["127.0.0.0/8"], "ipExpression": FORWARDED},
        "other-peer": {"ips": IPS, "ipExpression": REMOTE},
    }
    chains = {name: [compiled("ip-allowlist", config, folder)] for name, config in configs.items()}
    with running_envoy(chains, folder) as running:
        yield running


pytestmark = pytest.mark.envoy


@pytest.mark.parametrize(
    "address",
    [
        "192.168.3.4",
        "203.0.113.0",
        "203.0.113.127",
        "198.51.100.7",
        "198.51.100.7:5000",
        "2001:db8::1",
        "2001:DB8:7fff:ffff:ffff:ffff:ffff:ffff",
        "[2001:db8::1]:443",
        "::1",
        "0:0:0:0:0:0:0:1",
        "::ffff:192.168.3.4",
        "::ffff:c0a8:0304",
        " 192.168.3.4 , 8.8.8.8",
    ],
)
def test_listed_address_passes(envoy: Envoy, address: str) -> None:
    assert envoy.get("/real-ip", {"x-real-ip": address}).status == 200


@pytest.mark.parametrize(
    "address",
    [
        "192.169.0.1",
        "203.0.113.128",
        "198.51.100.8",
        "2001:db8:8000::1",
        "::2",
        "1::",
        "8.8.8.8, 192.168.3.4",
        "",
        "unknown",
        "192.168.3",
        "192.168.3.256",
        "192.168.03.4",
        "192.168.3.4.5",
        "192.168.3.4x",
        "2001:db8",
        "2001:db8::1::2",
        "2001:db8:0:0:0:0:0:0:1",
        "2001:db8::12345",
        "2001:db8:::1",
        ":2001:db8::",
        "2001:db8::1%eth0",
        "::ffff:192.168.3.400",
    ],
)
def test_other_or_unreadable_address_is_refused(envoy: Envoy, address: str) -> None:
    answer = envoy.get("/real-ip", {"x-real-ip": address})

    assert answer.status == 403
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {"error": "This IP address is not allowed."}
    assert answer.headers["x-policy"] == "ip-allowlist"


def test_missing_address_is_refused(envoy: Envoy) -> None:
    assert envoy.get("/real-ip").status == 403


def test_failing_expression_refuses(envoy: Envoy) -> None:
    answer = envoy.get("/broken")

    assert answer.status == 500
    assert answer.json == {"error": "The policy ip-allowlist could not be evaluated."}
    assert answer.headers["x-policy"] == "ip-allowlist"


def test_remote_address_is_the_peer_whatever_the_headers_say(envoy: Envoy) -> None:
    forged = {"x-forwarded-for": "192.168.1.1", "x-real-ip": "192.168.1.1"}

    assert [envoy.get(path, forged).status for path in ("/peer", "/default", "/forwarded")] == [200] * 3
    assert envoy.get("/other-peer", forged).status == 403
    assert envoy.get("/other-peer").headers["x-details"] == "rbac_access_denied_matched_policy[ip-allowlist]"
