"""Tokens through a real gateway and a provider that is found by its discovery document."""

import json
import re
import ssl
from collections.abc import Iterator
from tempfile import NamedTemporaryFile
from typing import Any

import httpx
import pytest

from tests import certificates
from tests.policies.provider import Provider, provider
from tests.traffic.gateway import Gateway
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: oidc}
spec:
  address: http://127.0.0.1:${port}/oidc
  services: {upstream: {address: "${upstream}"}}
  policies: [{policyRef: {name: openidconnect-access-token-enforcement-flex}, MODE config: CONFIG}]
"""
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def server() -> Iterator[Provider]:
    """A new one for each test: documents are kept by their address."""
    with provider() as made:
        made.documents[DISCOVERY] = {
            "issuer": made.url,
            "introspection_endpoint": f"{made.url}/introspect",
        }
        yield made


def apply(gateway: Gateway, server: Provider, mode: str = "", **config: Any) -> None:
    plain = {"providerUrl": server.url, "clientId": "gateway", "clientSecret": "s3cret", **config}
    ack = gateway.apply(API.replace("CONFIG", json.dumps(plain)).replace("MODE", mode))
    assert not [one.reason for one in ack.resources if one.reason], ack.resources


def get(gateway: Gateway, token: str) -> httpx.Response:
    return gateway.get("/oidc/x", headers={"authorization": f"Bearer {token}"}, timeout=60)


def test_the_provider_judges_with_the_credentials_in_the_body(gateway: Gateway, server: Provider) -> None:
    server.tokens["good"] = {"active": True, "client_id": "shop"}
    apply(gateway, server)

    assert [get(gateway, one).status_code for one in ("good", "good", "bad")] == [200, 200, 401]
    assert server.asked == ["good", "bad"]
    assert server.forms[0]["client_secret"] == "s3cret"
    assert "authorization" not in server.headers[0]


def test_a_wrong_secret_lets_nobody_pass(gateway: Gateway, server: Provider) -> None:
    server.tokens["good"] = {"active": True}
    apply(gateway, server, clientSecret="wrong")

    assert get(gateway, "good").status_code == 503


@pytest.mark.parametrize(
    "lie",
    [
        {"issuer": "https://other.example.com"},
        {"introspection_endpoint": None},
        {"introspection_endpoint": "file:///etc/passwd"},
    ],
)
def test_a_document_that_lies_is_not_taken(gateway: Gateway, server: Provider, lie: dict[str, Any]) -> None:
    server.documents[DISCOVERY] |= lie
    server.tokens["good"] = {"active": True}
    apply(gateway, server)

    assert get(gateway, "good").status_code == 503
    assert server.asked == []


def test_an_endpoint_whose_port_programs_read_in_two_ways_is_not_asked(
    gateway: Gateway, server: Provider
) -> None:
    server.documents[DISCOVERY]["introspection_endpoint"] = re.sub(
        r":(\d+/)", r":0\1", f"{server.url}/introspect"
    )
    server.tokens["good"] = {"active": True}
    apply(gateway, server)

    assert get(gateway, "good").status_code == 503
    assert server.asked == []


def test_a_provider_that_is_late_is_found_when_it_is_there(gateway: Gateway, server: Provider) -> None:
    document = server.documents.pop(DISCOVERY)
    server.tokens["late"] = {"active": True}
    apply(gateway, server)
    assert get(gateway, "late").status_code == 503

    server.documents[DISCOVERY] = document

    wait_until(lambda: get(gateway, "late").status_code == 200, 30)


def test_scopes_contracts_and_observing(gateway: Gateway, server: Provider) -> None:
    server.tokens["scoped"] = {"active": True, "scope": "read", "client_id": "shop"}
    apply(gateway, server, scopes="write")
    assert get(gateway, "scoped").status_code == 403

    apply(gateway, server, scopes="read", skipClientIdValidation=False)
    assert get(gateway, "scoped").status_code == 401

    apply(gateway, server, mode="mode: observe,", scopes="write")
    assert get(gateway, "scoped").status_code == 200
    assert server.asked == ["scoped"], "what each wants of a token is nothing that the provider is asked"


def test_a_token_without_an_end_is_remembered_for_as_long_as_is_said(
    gateway: Gateway, server: Provider
) -> None:
    server.tokens["revoked"] = {"active": True}
    apply(gateway, server, maxFederationExpirationTime=1)
    assert get(gateway, "revoked").status_code == 200

    server.tokens["revoked"] = {"active": False}

    wait_until(lambda: get(gateway, "revoked").status_code == 401)


def test_provider_without_a_document_is_asked_at_its_endpoint(gateway: Gateway, server: Provider) -> None:
    del server.documents[DISCOVERY]
    server.tokens["good"] = {"active": True}

    apply(gateway, server, providerUrl="", introspectionUrl=f"{server.url}/introspect")

    assert [get(gateway, one).status_code for one in ("good", "bad")] == [200, 401]


def test_trusted_cas_vouch_in_the_place_of_the_gateways(gateway: Gateway, server: Provider) -> None:
    mine, other = certificates.self_signed(), certificates.self_signed()
    with NamedTemporaryFile("w") as file:
        file.write(mine["key"] + mine["crt"])
        file.flush()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file.name)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http:", "https:")
    server.documents[DISCOVERY] = {"issuer": url, "introspection_endpoint": f"{url}/introspect"}
    server.tokens["good"] = {"active": True}

    statuses = []
    for pem in ("", other["crt"], mine["crt"]):
        apply(gateway, server, providerUrl=url, trustedCA=pem)
        statuses.append(get(gateway, "good").status_code)

    assert statuses == [503, 503, 200]
