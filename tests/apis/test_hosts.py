"""What is a host: one answer for upstreams, policies and what gateways tell of themselves."""

import pytest

from apis.rules import upstream_uri
from gateways.protocol.addresses import BadAddress, upstream_address
from policies.fields.hosts import is_host
from policies.fields.urls import split

GOOD = [
    "backend",
    "a.b.example.com",
    "my_service",
    "_srv.example",
    "x.",
    "10.0.0.1",
    "1password.com",
    "a" * 63,
]
BAD = ["-a", "a..b", ".a", "1.2.3", "300.0.0.1", "a b", "a/b", "ä.example", "a" * 64, "a." * 127 + "b"]


@pytest.mark.parametrize("host", [*GOOD, "::1"])
def test_a_host_is_an_address_or_a_name(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize("host", ["", *BAD])
def test_what_cannot_be_looked_up_is_no_host(host: str) -> None:
    assert not is_host(host)


@pytest.mark.parametrize("host", GOOD)
def test_a_host_is_one_in_an_upstream_and_in_a_policy(host: str) -> None:
    assert upstream_uri.fault(f"http://{host}:80") is None
    assert upstream_address(f"http://{host}:80").host == host.lower()
    assert split(f"http://{host}:80").hostname == host.lower()


@pytest.mark.parametrize("host", [one for one in BAD if "/" not in one])
def test_what_is_no_host_is_none_anywhere(host: str) -> None:
    assert upstream_uri.fault(f"http://{host}:80")
    with pytest.raises(BadAddress):
        upstream_address(f"http://{host}:80")
    with pytest.raises(ValueError, match="http"):
        split(f"http://{host}:80")
