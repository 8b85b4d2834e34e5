"""Keys at an issuer on loopback: rotated, slow, away, lying; through a whole gateway."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from policies.documents import discovery
from tests.policies.issuer import EC_KEYS, OTHER, RSA, Issuer, key_set
from tests.policies.provider import Provider, provider
from tests.policies.tokens import apply, ask, document, remote, token
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.upstream import serving
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway("", tmp_path_factory.mktemp("jwt")) as running:
        yield running


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving(Issuer()) as server:
        yield server


def test_keys_of_an_issuer(gateway: Gateway, issuer: Issuer) -> None:
    issuer.body = key_set(one=RSA, two=OTHER, curve=EC_KEYS[256])
    apply(gateway, remote(issuer))

    assert ask(gateway, token(headers={"kid": "one"})).status_code == 200
    assert ask(gateway, token(OTHER, headers={"kid": "two"})).status_code == 200
    assert ask(gateway, token(OTHER)).status_code == 200
    assert ask(gateway, token(headers={"kid": "two"})).status_code == 401
    assert ask(gateway, token(headers={"kid": "unknown"})).status_code == 401
    assert ask(gateway, token(EC_KEYS[256], "ES256", headers={"kid": "curve"})).status_code == 401
    for _ in range(20):
        assert ask(gateway, token()).status_code == 200
    assert issuer.asked <= 2, "at first, and for the key that is unknown"


def test_keys_of_several_issuers(gateway: Gateway, issuer: Issuer) -> None:
    with serving(Issuer()) as second:
        second.body = key_set(two=OTHER)
        apply(gateway, remote(issuer, jwksUrl=f"{issuer.url}, {second.url}"))

        assert ask(gateway, token()).status_code == 200
        assert ask(gateway, token(OTHER)).status_code == 200
        assert ask(gateway, token(rsa.generate_private_key(65537, 2048))).status_code == 401


@pytest.mark.parametrize("body", [b"", b"garbage", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "RSA"}]}'])
def test_an_issuer_without_keys_closes_the_api(gateway: Gateway, issuer: Issuer, body: bytes) -> None:
    issuer.body = body
    apply(gateway, remote(issuer))

    refused = ask(gateway, token())

    assert (refused.status_code, refused.json()["error"]) == (
        503,
        "The keys of the token's issuer cannot be had.",
    )
    assert ask(gateway, None).status_code == 400


def test_an_issuer_that_is_away_closes_the_api_until_it_is_back(gateway: Gateway, issuer: Issuer) -> None:
    issuer.status = 500
    apply(gateway, remote(issuer))
    assert ask(gateway, token()).status_code == 503

    issuer.status = 200

    wait_until(lambda: ask(gateway, token()).status_code == 200, 30)


def test_an_issuer_that_is_slow_closes_the_api_and_holds_up_no_change(
    gateway: Gateway, issuer: Issuer
) -> None:
    issuer.delay = 30
    apply(gateway, remote(issuer))
    assert ask(gateway, token()).status_code == 503

    apply(gateway, remote(issuer, leewaySeconds=1))

    assert gateway.applier.last_ack is not None
    assert gateway.applier.last_ack.duration_ms < 1000 * issuer.delay / 2


def test_of_several_issuers_one_that_is_away_leaves_its_tokens_open(gateway: Gateway, issuer: Issuer) -> None:
    with serving(Issuer()) as second:
        second.status = 500
        apply(gateway, remote(issuer, jwksUrl=f"{issuer.url}, {second.url}"))

        assert ask(gateway, token()).status_code == 200
        assert ask(gateway, token(OTHER)).status_code == 503
        assert ask(gateway, token(exp=1)).status_code == 401


def test_a_change_while_the_issuer_is_away_costs_nothing(gateway: Gateway, issuer: Issuer) -> None:
    apply(gateway, remote(issuer))
    assert ask(gateway, token()).status_code == 200

    issuer.status = 500
    for leeway in range(1, 4):
        apply(gateway, remote(issuer, leewaySeconds=leeway))
        assert ask(gateway, token()).status_code == 200
    assert issuer.asked == 1


def test_a_rotated_key_counts_at_once_and_the_one_that_is_gone_no_more(
    gateway: Gateway, issuer: Issuer
) -> None:
    apply(gateway, remote(issuer))
    assert ask(gateway, token(headers={"kid": "one"})).status_code == 200
    issuer.body = key_set(two=OTHER)

    def counts() -> bool:
        return ask(gateway, token(OTHER, headers={"kid": "two"})).status_code == 200

    assert not counts()
    wait_until(counts, 20)
    assert ask(gateway, token(headers={"kid": "one"})).status_code == 401
    assert issuer.asked == 2


def test_callers_cannot_have_an_issuer_asked_at_will(gateway: Gateway, issuer: Issuer) -> None:
    apply(gateway, remote(issuer))
    until = time.monotonic() + 3

    number = 0
    while time.monotonic() < until:
        number += 1
        assert ask(gateway, token(OTHER, headers={"kid": f"made-up-{number}"})).status_code == 401

    assert issuer.asked <= 2
    assert ask(gateway, token()).status_code == 200


def test_an_api_that_keeps_its_last_good_version_is_given_new_keys(gateway: Gateway, issuer: Issuer) -> None:
    apply(gateway, remote(issuer))
    refused = gateway.apply(document(remote(issuer), {"policyRef": {"name": "no-such-policy"}}))
    assert refused.resources[0].state == "refused"
    issuer.body = key_set(two=OTHER)

    wait_until(lambda: ask(gateway, token(OTHER, headers={"kid": "two"})).status_code == 200, 20)

    assert ask(gateway, token(headers={"kid": "one"})).status_code == 401


def discovered(server: Provider, keys: Issuer, **more: Any) -> Provider:
    server.documents[discovery.PATH] = {"issuer": server.url, "jwks_uri": keys.url, **more}
    return server


def of_provider(server: Provider, **more: Any) -> dict[str, Any]:
    return {"jwtKeyOrigin": "provider", "providerUrl": server.url, **more}


def test_keys_of_a_provider_are_where_its_document_says(gateway: Gateway, issuer: Issuer) -> None:
    with provider() as server:
        apply(gateway, of_provider(discovered(server, issuer)))

        assert ask(gateway, token(iss=server.url)).status_code == 200
        assert ask(gateway, token(OTHER, iss=server.url)).status_code == 401
        assert ask(gateway, token(iss="https://other.example.com")).status_code == 401
        assert ask(gateway, token()).status_code == 401, "it does not say that it is the provider's"

        apply(gateway, of_provider(server, supportedIssuers="https://other.example.com"))
        assert ask(gateway, token(iss="https://other.example.com")).status_code == 200


@pytest.mark.parametrize(
    "lie", [{"issuer": "https://idp.example.com"}, {"jwks_uri": None}, {"jwks_uri": "file:///etc/passwd"}]
)
def test_a_document_of_a_provider_that_lies_is_not_taken(
    gateway: Gateway, issuer: Issuer, lie: dict[str, Any]
) -> None:
    with provider() as server:
        apply(gateway, of_provider(discovered(server, issuer, **lie)))

        assert ask(gateway, token(iss=server.url)).status_code == 503
    assert issuer.asked == 0


def test_a_provider_moves_its_keys_and_its_new_ones_count(gateway: Gateway, issuer: Issuer) -> None:
    with provider() as server, serving(Issuer()) as second:
        second.body = key_set(two=OTHER)
        apply(gateway, of_provider(discovered(server, issuer)))
        assert ask(gateway, token(iss=server.url)).status_code == 200

        discovered(server, second)

        new = token(OTHER, headers={"kid": "two"}, iss=server.url)
        wait_until(lambda: ask(gateway, new).status_code == 200)
        assert ask(gateway, token(headers={"kid": "one"}, iss=server.url)).status_code == 401
