"""Key sets as strangers publish them: what is taken of them, and that nothing else comes of it."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from policies.documents.document import BadDocument
from policies.documents.jwks import MOST_KEYS, merged, read
from tests.policies.issuer import EC_KEYS, ED, OTHER, RSA, key_set

GOOD = json.loads(key_set(one=RSA))["keys"][0]
CURVE = json.loads(key_set(one=EC_KEYS[256]))["keys"][0]


def number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8 or 1)).rstrip(b"=").decode()


def taken(*keys: Any) -> list[dict[str, Any]]:
    return list(json.loads(read(json.dumps({"keys": [*keys, GOOD | {"kid": "good"}]}).encode()))["keys"])


def test_every_kind_of_key_is_taken() -> None:
    content = key_set(a=RSA, b=EC_KEYS[256], c=EC_KEYS[384], d=EC_KEYS[512], e=ED)

    keys = {key["kid"]: key for key in json.loads(read(content))["keys"]}

    assert keys.keys() == set("abcde")
    assert keys["a"] == {name: GOOD[name] for name in ("kty", "n", "e")} | {"kid": "a"}


def test_order_and_ornament_make_no_other_text() -> None:
    keys = json.loads(key_set(a=RSA, b=OTHER))["keys"]
    turned = {"keys": [key | {"x5c": ["MII"], "at": 1} for key in reversed(keys)], "more": {}}

    assert read(json.dumps(turned).encode()) == read(json.dumps({"keys": keys}).encode())


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
        GOOD | {"use": "enc"},
        GOOD | {"alg": "RSA-OAEP"},
        GOOD | {"alg": "HS256"},
        GOOD | {"alg": ["RS256"]},
        GOOD | {"key_ops": ["encrypt"]},
        GOOD | {"key_ops": "verify"},
        GOOD | {"kid": 7},
        GOOD | {"n": 7},
        GOOD | {"n": "AQAB"},
        GOOD | {"n": "A" * 100_000},
        GOOD | {"n": "&&&"},
        GOOD | {"e": number(1)},
        GOOD | {"e": number(2)},
        GOOD | {"e": ""},
        {"kty": "RSA"},
        {"kty": ["RSA"]},
        {"kty": "RSA", "n": None, "e": None},
        {},
        None,
        7,
        "RSA",
        [],
        CURVE | {"y": CURVE["x"]},
        CURVE | {"x": number(0), "y": number(0)},
        CURVE | {"crv": "P-384"},
        CURVE | {"alg": "ES384"},
        CURVE | {"alg": "RS256"},
        CURVE | {"crv": "secp256k1"},
        CURVE | {"crv": None},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "OKP", "crv": "Ed25519"},
    ],
)
def test_what_is_no_public_key_for_signatures_is_passed_over(key: Any) -> None:
    assert [one["kid"] for one in taken(key)] == ["good"]


def test_short_and_overlong_keys_are_passed_over() -> None:
    short = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key(), as_dict=True)
    long = {"kty": "RSA", "n": number((1 << 16383) + 1), "e": "AQAB"}
    koblitz = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256K1()).public_key(), as_dict=True)

    assert [one["kid"] for one in taken(short, long, koblitz)] == ["good"]


def test_what_is_private_in_a_key_goes_no_further() -> None:
    private = RSAAlgorithm.to_jwk(OTHER, as_dict=True) | {"key_ops": ["sign", "verify"]}
    assert "d" in private

    (found,) = (one for one in taken(private) if one.get("kid") != "good")

    assert found.keys() == {"kty", "n", "e"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b'"keys"',
        b"{}",
        b'{"keys": null}',
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [{}]}',
        b"\xff\xfe",
        b"[" * 500_000,
        b'{"keys":' * 100_000,
        json.dumps({"keys": [GOOD] * (MOST_KEYS + 1)}).encode(),
    ],
    ids=lambda content: content[:12],
)
def test_what_is_no_key_set_is_told(content: bytes) -> None:
    with pytest.raises(BadDocument):
        read(content)


def test_key_sets_are_put_together() -> None:
    one, two = read(key_set(one=RSA)), read(key_set(two=OTHER))

    assert {key["kid"] for key in json.loads(merged([one, two]))["keys"]} == {"one", "two"}
    assert merged([one, two]) == merged([one, two])


VECTORS = json.loads(Path(__file__).with_name("wycheproof_json_web_keys.json").read_text())["sets"]
TAKEN = {
    "kid-ec-sign": {"jws_mixedSymmetryKeyset"},
    "kid-rsa-sign": {"rs256"},
    "kid-rsa-roca-sign": {"jws_rsa_roca_key"},
}
"""What is taken of them, by the key's id: of keys of both kinds the public one, and one that can be broken in
a way that nobody sees who does not look for it (ROCA, 2017), which no reader of ours does.
"""


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: f"{one['comment']}-{one['test']}")
def test_nothing_is_taken_of_what_wycheproof_calls_invalid(vector: dict[str, Any]) -> None:
    """Nor of its symmetric keys, which are sound and nothing to publish."""
    found = {key["kid"] for key in taken(*vector["jwk_set"]["keys"])} - {"good"}

    is_sound = vector["result"] == "valid"
    wanted = {kid for kid, sets in TAKEN.items() if vector["comment"] in sets}
    assert found == (wanted if is_sound or vector["comment"] != "rs256" else set())
