"""JSON Web Key Sets that issuers publish, reduced to the public keys that tokens may be signed by."""

import json
from typing import Any

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from policies.documents.document import BadDocument, DocumentKind

MOST_KEYS = 100
MOST_CHARACTERS = 3000
"""Of one value: an RSA key of 16384 bits has 2731."""
SHORTEST_RSA, LONGEST_RSA = 2048, 8192
"""Bits. What a longer one costs to verify, each request would cost."""
PARTS = ("kty", "n", "e", "crv", "x", "y")
"""What may stand in a public key."""
CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
"""With the one algorithm that each is for."""
RSA = tuple(f"{kind}{bits}" for kind in ("RS", "PS") for bits in (256, 384, 512))


def read(content: bytes) -> str:
    """Raises BadDocument."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise BadDocument("what it answers is no JSON") from None
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise BadDocument('what it answers is no JSON Web Key Set: there is no list "keys"')
    if len(listed) > MOST_KEYS:
        raise BadDocument(f"there are {len(listed)} keys and {MOST_KEYS} at most")
    texts = {json.dumps(key, sort_keys=True) for one in listed if (key := _public(one))}
    if not texts:
        raise BadDocument("none of its keys is a public one that tokens may be signed by")
    return f'{{"keys": [{", ".join(sorted(texts))}]}}'


def merged(texts: list[str]) -> str:
    """One key set of several that `read` made."""
    keys = [key for text in texts for key in json.loads(text)["keys"]]
    return json.dumps({"keys": keys}, sort_keys=True)


KEY_SET = DocumentKind("jwks", read)


def _public(one: Any) -> dict[str, Any] | None:
    """The key without what is private in it; None for one that no token may be signed by."""
    if not isinstance(one, dict) or not _is_for_signatures(one):
        return None
    parts = {name: one[name] for name in PARTS if name in one}
    if not all(isinstance(value, str) and len(value) <= MOST_CHARACTERS for value in parts.values()):
        return None
    try:
        key = _checked(parts)
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm, PyJWTError):
        return None
    if key is None or not _is_for(one.get("alg"), key):
        return None
    named = {name: one[name] for name in ("alg", "kid") if one.get(name) is not None}
    return {**named, **key}


def _is_for(algorithm: Any, key: dict[str, str]) -> bool:
    """Whether the algorithm that a key is said to be for, if any, is one that it can be for."""
    if key["kty"] == "RSA":
        return algorithm is None or algorithm in RSA
    return algorithm in (None, key["alg"]) or (algorithm == "Ed25519" and key["alg"] == "EdDSA")


def _is_for_signatures(one: dict[str, Any]) -> bool:
    use, operations, kid = one.get("use"), one.get("key_ops"), one.get("kid")
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        return False
    return use in (None, "sig") and (kid is None or (isinstance(kid, str) and len(kid) <= MOST_CHARACTERS))


def _checked(parts: dict[str, str]) -> dict[str, Any] | None:
    """The same, written anew from the key that it is, with the algorithm where there is but one.

    Raises what the readers of keys raise. Without it Envoy would try a key with every signature.
    """
    match parts.get("kty"):
        case "RSA":
            key = RSAAlgorithm.from_jwk(parts)
            if isinstance(key, rsa.RSAPublicKey) and SHORTEST_RSA <= key.key_size <= LONGEST_RSA:
                return _plain(RSAAlgorithm.to_jwk(key, as_dict=True))
        case "EC" if (crv := parts.get("crv", "")) in CURVES:
            curve = ECAlgorithm.from_jwk(parts)
            if isinstance(curve, ec.EllipticCurvePublicKey):
                return {**_plain(ECAlgorithm.to_jwk(curve, as_dict=True)), "alg": CURVES[crv]}
        case "OKP" if parts.get("crv") == "Ed25519":
            edwards = OKPAlgorithm.from_jwk({name: parts[name] for name in ("kty", "crv", "x")})
            if isinstance(edwards, ed25519.Ed25519PublicKey):
                return {**_plain(OKPAlgorithm.to_jwk(edwards, as_dict=True)), "alg": "EdDSA"}
    return None


def _plain(made: dict[str, Any]) -> dict[str, Any]:
    """Without what a reader of keys adds of its own."""
    return {name: made[name] for name in PARTS if name in made}
