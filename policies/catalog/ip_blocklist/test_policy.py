"""IP Blocklist through a real Envoy."""

from collections.abc import Iterator

import pytest

from tests.policies.envoy import Envoy, compiled, running_envoy

IPS = ["192.168", "203.0.113.0/25", "2001:db8::/33", "::ffff:100.64.0.0/106"]
REMOTE = "#[attributes.remoteAddress]"


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    folder = tmp_path_factory.mktemp("ip_blocklist")
    configs = {
        "default": {"ips": ["127.0.0.0/8"]},
        "real-ip": {"ips": IPS, "ipExpression": "#[attributes.headers['x-real-ip']]"},
        "peer": {"ips": ["127.0.0.0/8"], "ipExpression": REMOTE},
        "other-peer": {"ips": IPS, "ipExpression": REMOTE},
    }
    chains = {name: [compiled("ip-blocklist", config, folder)] for name, config in configs.items()}
    with running_envoy(chains, folder) as running:
        yield running


pytestmark = pytest.mark.envoy


@pytest.mark.parametrize(
    "address", ["192.167.0.1", "203.0.113.128", "2001:db8:8000::", "8.8.8.8, 192.168.0.1"]
)
def test_other_address_passes(envoy: Envoy, address: str) -> None:
    assert envoy.get("/real-ip", {"x-real-ip": address}).status == 200


@pytest.mark.parametrize(
    "address",
    [
        "192.168.0.1",
        "203.0.113.5",
        "2001:db8::5",
        "::ffff:192.168.0.1",
        "100.65.0.1",
        "::ffff:6441:1",
        "x",
        "",
    ],
)
def test_listed_or_unreadable_address_is_refused(envoy: Envoy, address: str) -> None:
    answer = envoy.get("/real-ip", {"x-real-ip": address})

    assert answer.status == 403
    assert answer.json == {"error": "This IP address is not allowed."}
    assert answer.headers["x-policy"] == "ip-blocklist"


def test_missing_address_is_refused(envoy: Envoy) -> None:
    assert envoy.get("/real-ip").status == 403


def test_remote_address_is_the_peer_whatever_the_headers_say(envoy: Envoy) -> None:
    forged = {"x-forwarded-for": "8.8.8.8"}

    assert envoy.get("/other-peer", forged).status == 200
    assert envoy.get("/default", forged).status == 403
    answer = envoy.get("/peer", forged)
    assert answer.status == 403
    assert answer.headers["x-details"] == "rbac_access_denied_matched_policy[ip-blocklist]"
