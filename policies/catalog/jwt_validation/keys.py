"""Keys that people paste, as the JSON Web Keys that Envoy reads."""

import base64
import json
import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

MOST_CHARACTERS = 20_000
SHORTEST_RSA = 2048
CURVES = {256: "secp256r1", 384: "secp384r1", 512: "secp521r1"}
_ARMOUR = re.compile(r"-----(BEGIN|END) ([A-Z0-9 ]+)-----")


class BadKey(ValueError):
    """The text says what is wrong with it and what to do."""


def jwks(text: str, method: str, bits: int) -> str:
    """The key set of one key. Raises BadKey."""
    if len(text) > MOST_CHARACTERS:
        raise BadKey(f"has at most {MOST_CHARACTERS} characters")
    key = _secret(text, bits) if method == "hmac" else _public(text, method, bits)
    return json.dumps({"keys": [key]}, sort_keys=True)


def _secret(text: str, bits: int) -> dict[str, str]:
    secret = text.strip().encode()
    if len(secret) < bits // 8:
        raise BadKey(f"is too short: HS{bits} needs a secret of {bits // 8} characters or more")
    return {"kty": "oct", "k": base64.urlsafe_b64encode(secret).rstrip(b"=").decode(), "alg": f"HS{bits}"}


def _public(text: str, method: str, bits: int) -> dict[str, str]:
    if "PRIVATE KEY" in text:
        raise BadKey("is a private key, which only the issuer may have; paste the public one")
    try:
        der = base64.b64decode("".join(_ARMOUR.sub("", text).split()), validate=True)
        is_certificate = "CERTIFICATE" in text
        key = x509.load_der_x509_certificate(der).public_key() if is_certificate else load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm):
        raise BadKey("is no public key; paste what stands between BEGIN PUBLIC KEY and END") from None
    match method, key:
        case "rsa", rsa.RSAPublicKey() if key.key_size >= SHORTEST_RSA:
            return dict(RSAAlgorithm.to_jwk(key, as_dict=True))
        case "rsa", rsa.RSAPublicKey():
            raise BadKey(f"has {key.key_size} bits; RSA needs {SHORTEST_RSA} or more")
        case "es", ec.EllipticCurvePublicKey() if key.curve.name == CURVES[bits]:
            return {**ECAlgorithm.to_jwk(key, as_dict=True), "alg": f"ES{bits}"}
        case "es", ec.EllipticCurvePublicKey():
            raise BadKey(f"is of the curve {key.curve.name}; ES{bits} needs {CURVES[bits]}")
        case "eddsa", ed25519.Ed25519PublicKey():
            return {**OKPAlgorithm.to_jwk(key, as_dict=True), "alg": "EdDSA"}
    raise BadKey(f"is a key of another kind than the signing method {method}; change one of them")
