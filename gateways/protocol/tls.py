"""Which certificates, keys and cipher suites gateways serve with: refused where they are entered."""

from functools import lru_cache
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

TLS_1_3_CIPHERS = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
DEFAULT_CIPHERS = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)
"""Those of TLS 1.2 where none is listed."""
WEAK_CIPHERS = (
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA",
    "TLS_PSK_WITH_AES_128_CBC_SHA",
    "TLS_PSK_WITH_AES_256_CBC_SHA",
)
"""What Envoy takes besides, for clients that know no better; TLS 1.0 and 1.1 have no others."""
_OF_TLS_1_0 = frozenset(cipher for cipher in WEAK_CIPHERS if cipher.endswith("_CBC_SHA"))
ALPN = ("h2", "http/1.1")
"""The protocols that gateways speak."""
CIPHERS = (*TLS_1_3_CIPHERS, *DEFAULT_CIPHERS, *WEAK_CIPHERS)
MOST_RSA_BITS = 8192
"""As many as Envoy takes."""
MOST_KEY_CHARACTERS = 32_768
CURVES = ("secp256r1", "secp384r1", "secp521r1")


def private_key(pem: str) -> PrivateKeyTypes:
    """Raises ValueError, TypeError or UnsupportedAlgorithm for what is none, or is none without a passphrase.

    OpenSSL's own check of an RSA key looks for its primes: of 8192 bits that takes seconds, of a made-up
    one of 65536 half a minute. What the key signs is looked at instead.
    """
    if len(pem) > MOST_KEY_CHARACTERS:
        raise ValueError("too long for a key")
    return load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)


@lru_cache(maxsize=256)
def mismatch(crt: str, key: str) -> tuple[Literal["crt", "key"], str] | None:
    """Why Envoy would not serve with these: which of them, and what is wrong with it.

    Remembered, since every API of a port brings the same, and reading an RSA key takes a millisecond.
    """
    try:
        chain = x509.load_pem_x509_certificates(crt.encode())
    except ValueError:
        return "crt", "is not a PEM certificate"
    try:
        private = private_key(key)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "key", "is not a PEM private key without a passphrase"
    if reason := _weakness(private) or _fault(private):
        return "key", reason
    own = next((at for at, one in enumerate(chain, 1) if _has_key(one, private)), None)
    if own is None:
        return "key", "belongs to another certificate"
    if own > 1:
        return "crt", f"has the one of the key at place {own}; put it first, its issuers after it"
    return None


@lru_cache(maxsize=256)
def unusable(key: str, ciphers: tuple[str, ...], max_version: str) -> str | None:
    """Why no client could connect: TLS 1.3 has suites for every key, older versions have those that are
    made for a key of its kind. The key is a sound one.
    """
    if max_version >= "1.3":
        return None
    kind = "RSA" if isinstance(private_key(key), rsa.RSAPrivateKey) else "ECDSA"
    prefixes = ("TLS_RSA_", "TLS_ECDHE_RSA_") if kind == "RSA" else ("TLS_ECDHE_ECDSA_",)
    is_old = max_version < "1.2"

    def fits(cipher: str) -> bool:
        return cipher.startswith(prefixes) and not (is_old and cipher not in _OF_TLS_1_0)

    chosen = [cipher for cipher in ciphers if cipher not in TLS_1_3_CIPHERS] or DEFAULT_CIPHERS
    if any(map(fits, chosen)):
        return None
    remedy = f"TLS_ECDHE_{kind}_WITH_AES_128_{'CBC_SHA' if is_old else 'GCM_SHA256'}"
    return f"none of the cipher suites fits an {kind} key up to TLS {max_version}; use {remedy}"


def _weakness(key: PrivateKeyTypes) -> str | None:
    if isinstance(key, rsa.RSAPrivateKey):
        if not 2048 <= key.key_size <= MOST_RSA_BITS:
            return f"has {key.key_size} bits; use 2048 or more, and {MOST_RSA_BITS} at most"
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        name = key.curve.name
        return None if name in CURVES else f"is on the curve {name}; use P-256, P-384 or P-521"
    is_known = isinstance(key, ed25519.Ed25519PrivateKey)
    return None if is_known else "is of a kind that gateways do not serve with; use RSA, ECDSA or Ed25519"


def _fault(key: PrivateKeyTypes) -> str | None:
    """What is wrong with a key that is strong enough, if anything."""
    if not isinstance(key, rsa.RSAPrivateKey):
        return None
    try:
        signed = key.sign(b"", padding.PKCS1v15(), hashes.SHA256())
        key.public_key().verify(signed, b"", padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature, InternalError):
        return "is broken: what it signs cannot be verified"
    return None


def _has_key(certificate: x509.Certificate, key: PrivateKeyTypes) -> bool:
    try:
        return certificate.public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False
