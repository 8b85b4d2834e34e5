"""Forged and twisted tokens at APIs with keys of each kind, written and at an issuer: none passes."""

from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.policies import attacks
from tests.policies.issuer import EC_KEYS, ED, OTHER, RSA, Issuer, bare, key_set
from tests.policies.tokens import document
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.upstream import serving

pytestmark = pytest.mark.envoy
CLAIMS = {"sub": "ada", "exp": 9_999_999_999}
KEYS: dict[str, tuple[Any, str, Any]] = {
    "rsa": (RSA, "RS256", OTHER),
    "es": (EC_KEYS[256], "ES256", ec.generate_private_key(ec.SECP256R1())),
    "eddsa": (ED, "EdDSA", ed25519.Ed25519PrivateKey.generate()),
}
"""The issuer's key, its algorithm, and somebody else's."""
GOOD = {kind: jwt.encode(CLAIMS, key, alg, {"kid": "one"}) for kind, (key, alg, _) in KEYS.items()}
ORIGINS = ("text", "jwks")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Issuer]:
    """Where tokens say that keys are."""
    with serving(Issuer()) as server:
        yield server


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """An API for each kind of key, written and at an issuer that has other keys too."""
    with serving(Issuer()) as issuer, running_gateway("", tmp_path_factory.mktemp("attacks")) as running:
        issuer.body = key_set(one=RSA, curve=EC_KEYS[256], edwards=ED, more=EC_KEYS[384])
        made = []
        for kind, (key, _, _) in KEYS.items():
            written = {"jwtKeyOrigin": "text", "textKey": bare(key)}
            published = {"jwtKeyOrigin": "jwks", "jwksUrl": issuer.url}
            for origin, config in zip(ORIGINS, (written, published), strict=True):
                text = document({"signingMethod": kind, "skipClientIdValidation": True, **config})
                made.append(named(text, f"{kind}-{origin}"))
        ack = running.apply("---\n".join(made))
        assert not [one.reason for one in ack.resources if one.reason]
        yield running


def named(text: str, name: str) -> str:
    api = yaml.safe_load(text)
    api["metadata"]["name"] = name
    api["spec"]["address"] = api["spec"]["address"].replace("/jwt", f"/{name}")
    return str(yaml.safe_dump(api))


def jwk(key: Any) -> dict[str, Any]:
    kinds = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    kind = next((it for type_, it in kinds.items() if isinstance(key, type_)), OKPAlgorithm)
    return dict(kind.to_jwk(key.public_key(), as_dict=True))


def vectors(kind: str, url: str) -> Iterator[tuple[str, attacks.Token]]:
    (key, alg, other), good = KEYS[kind], GOOD[kind]
    yield from attacks.unsigned(good)
    yield from attacks.confused(key, alg, other, {})
    yield from attacks.confused(key, alg, other, {"kid": "one"})
    yield from attacks.named(alg, other, jwk(other), url)
    yield from attacks.twisted(jwt.encode(CLAIMS, key, alg), key, alg)
    yield from attacks.several(good, jwt.encode(CLAIMS, other, alg))
    match key:
        case rsa.RSAPrivateKey():
            yield from attacks.of_rsa(jwt.encode(CLAIMS, key, alg), key)
        case ec.EllipticCurvePrivateKey():
            yield from attacks.of_curve(jwt.encode(CLAIMS, key, alg), key)
        case _:
            yield from attacks.of_edwards(jwt.encode(CLAIMS, key, alg))
    for others, (wrong, algorithm, _) in KEYS.items():
        if others != kind:
            signed = attacks.signed
            yield f"{algorithm} by its key", signed({"alg": algorithm}, CLAIMS, wrong, algorithm)
            yield f"{alg} by the key for {algorithm}", signed({"alg": alg}, CLAIMS, wrong, algorithm)
            yield f"{algorithm} by the key for {alg}", signed({"alg": algorithm}, CLAIMS, key, alg)


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("kind", KEYS)
def test_no_forged_or_twisted_token_passes(
    gateway: Gateway, elsewhere: Issuer, kind: str, origin: str
) -> None:
    def ask(token: attacks.Token) -> int:
        headers = token if isinstance(token, list) else [("authorization", f"Bearer {token}")]
        try:
            return gateway.get(f"/{kind}-{origin}/x", headers=headers).status_code
        except httpx.LocalProtocolError:
            return 0

    assert ask(jwt.encode(CLAIMS, KEYS[kind][0], KEYS[kind][1])) == 200

    found = {name: ask(token) for name, token in vectors(kind, elsewhere.url)}

    assert {name: status for name, status in found.items() if status not in (400, 401, 431)} == {}
    assert len(found) > 120
    assert ask(jwt.encode(CLAIMS, KEYS[kind][0], KEYS[kind][1])) == 200
    assert elsewhere.asked == 0
