"""Signs and verifies what console and replica ask of each other.

A signed request carries `Authorization: Bearer` with an EdDSA JWT of `messages.Claims`, so that one
that was taken off the wire works for no other receiver, method, path or body, not for long, and not
twice. Both ends use this module.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.types import Options
from pydantic import ValidationError

from gateways.protocol.messages import CLOCK_SKEW_SECONDS, MAX_AGE_SECONDS, Claims

ALGORITHM = "EdDSA"
JTI_LENGTH = 64

Clock = Callable[[], float]


class Untrusted(Exception):
    """The request is not what it claims to be; the text says in which way."""


@dataclass(frozen=True)
class KeyPair:
    """Ed25519, PEM."""

    private: str
    public: str


def key_pair() -> KeyPair:
    private = Ed25519PrivateKey.generate()
    return KeyPair(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    )


def is_public_key(pem: str) -> bool:
    """Whether this is an Ed25519 public key in PEM."""
    try:
        return isinstance(serialization.load_pem_public_key(pem.encode()), Ed25519PublicKey)
    except ValueError:
        return False


@dataclass(frozen=True)
class Signer:
    """One end that signs. `path` is always the protocol's own, query included: no proxy's prefix."""

    private_key: str
    issuer: str
    now: Clock = time.time

    def headers(
        self, audience: str, method: str, path: str, body: bytes = b"", subject: str = ""
    ) -> dict[str, str]:
        """The header that signs one request."""
        iat = int(self.now())
        claims = Claims(
            iss=self.issuer,
            aud=audience,
            sub=subject,
            iat=iat,
            exp=iat + MAX_AGE_SECONDS,
            jti=secrets.token_hex(16),
            htm=method,
            htu=path,
            bsh=_digest(body),
        )
        return {"Authorization": f"Bearer {jwt.encode(claims.model_dump(), self.private_key, ALGORITHM)}"}


def claimed_issuer(authorization: str) -> str:
    """Who the request says it is from: says which key must verify it, proves nothing. Raises Untrusted."""
    try:
        claims = jwt.decode(_token(authorization), options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise Untrusted("the request's signature is not a token") from error
    return str(claims.get("iss", ""))


def verify(
    authorization: str,
    public_key: str,
    *,
    issuer: str,
    audience: str,
    method: str,
    path: str,
    body: bytes | None = b"",
    now: Clock = time.time,
) -> Claims:
    """The claims of a request that this key signed for exactly this use. Raises Untrusted.

    Without a body all but that is verified: before it is read, say. Whether its `jti` was seen before is the
    caller's to ask, after this.
    """
    claims = _claims(_token(authorization), public_key)
    expected = {"iss": issuer, "aud": audience, "htm": method, "htu": path}
    if body is not None:
        expected["bsh"] = _digest(body)
    for name, value in expected.items():
        if not secrets.compare_digest(getattr(claims, name).encode(), value.encode()):
            raise Untrusted(f"the request was signed for another {_NAMES[name]}")
    _check_times(claims, now())
    return claims


_NAMES = {"iss": "sender", "aud": "receiver", "htm": "method", "htu": "path", "bsh": "body"}


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _token(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Untrusted("the request is not signed")
    return token.strip()


def _claims(token: str, public_key: str) -> Claims:
    options: Options = {
        "verify_aud": False,
        "verify_iss": False,
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
    }
    try:
        claims = Claims.model_validate(jwt.decode(token, public_key, [ALGORITHM], options=options))
    except jwt.InvalidTokenError as error:
        raise Untrusted("the request's signature does not match the key of its sender") from error
    except ValidationError as error:
        raise Untrusted("the request's claims are not those of the protocol") from error
    if not claims.jti.isalnum() or len(claims.jti) > JTI_LENGTH:
        raise Untrusted("the request's id is not 1 to 64 letters and digits")
    return claims


def _check_times(claims: Claims, now: float) -> None:
    if not 0 < claims.exp - claims.iat <= MAX_AGE_SECONDS:
        raise Untrusted(f"the request was signed for longer than {MAX_AGE_SECONDS} s")
    if claims.iat > now + CLOCK_SKEW_SECONDS:
        raise Untrusted(
            f"the sender's clock is {_span(claims.iat - now)} ahead of the receiver's; set both by NTP"
        )
    if claims.exp < now - CLOCK_SKEW_SECONDS:
        raise Untrusted(
            f"the request was signed {_span(now - claims.iat)} ago: it is a stale copy, or the sender's "
            f"clock is {_span(now - claims.iat)} behind the receiver's; set both by NTP"
        )


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
