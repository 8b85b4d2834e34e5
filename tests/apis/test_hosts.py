"""What is a host: one answer for upstreams, policies and what gateways tell of themselves."""

import pytest
from django.core.exceptions import ValidationError
from pydantic import ValidationError as PydanticError

from apis.rest.bodies import listener
from apis.rules import upstream_uri
from gateways.protocol.addresses import BadAddress, upstream_address
from gateways.protocol.shared_storage import host_and_port, of_url
from gateways.protocol.upstream_hosts import host_port_of
from policies import catalog
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
BAD += [
    "127.1",
    "0x7f.1",
    "0X7F000001",
    "0177.0.0.1",
    "010.0.0.1",
    "a.0x",
    "a.1",
    "a.1.",
    "１２７.0.0.1",
    "①.example",
]
LDAP = {
    "ldapServerUserDn": "cn=gateway,dc=example,dc=org",
    "ldapServerUserPassword": "secret",
    "ldapSearchBase": "dc=example,dc=org",
    "ldapSearchFilter": "(uid={0})",
}
PORTS = ["010", "0", "00080", "0x50", "1e2", "８０", "²", "-1", "+80", "8_0", "65536", "99999999999"]


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


@pytest.mark.parametrize("port", PORTS)
def test_what_programs_read_as_different_ports_is_none_anywhere(port: str) -> None:
    assert upstream_uri.fault(f"http://host:{port}/x")
    with pytest.raises(BadAddress):
        upstream_address(f"http://host:{port}/x")
    with pytest.raises(ValueError, match="http"):
        split(f"http://host:{port}/x")
    for read in (host_port_of, host_and_port):
        with pytest.raises(ValueError, match="host"):
            read(f"host:{port}")
    with pytest.raises(ValueError, match="redis"):
        of_url(f"redis://host:{port}")
    with pytest.raises(ValidationError, match=r"port|is no"):
        listener(f"http://0.0.0.0:{port}/x")
    with pytest.raises(PydanticError):
        catalog.find("ldap-authentication").config.model_validate(
            {**LDAP, "ldapServerURL": f"ldap://host:{port}"}
        )


@pytest.mark.parametrize("host", [one for one in BAD if "/" not in one])
def test_what_is_no_host_is_none_anywhere(host: str) -> None:
    assert upstream_uri.fault(f"http://{host}:80")
    with pytest.raises(BadAddress):
        upstream_address(f"http://{host}:80")
    with pytest.raises(ValueError, match="http"):
        split(f"http://{host}:80")
