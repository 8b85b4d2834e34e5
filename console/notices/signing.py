"""Signatures of webhooks, by the Standard Webhooks specification (standardwebhooks.com), symmetric ones."""

import base64
import hashlib
import hmac
import secrets

PREFIX = "whsec_"
SECRET_BYTES = 24


def new_secret(given: str = "") -> str:
    """`given` is random text of which it is made; else it is new."""
    key = (
        hashlib.sha256(given.encode()).digest()[:SECRET_BYTES] if given else secrets.token_bytes(SECRET_BYTES)
    )
    return PREFIX + base64.b64encode(key).decode()


def headers(secret: str, delivery_id: str, at_seconds: int, body: bytes) -> dict[str, str]:
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(at_seconds),
        "webhook-signature": f"v1,{signature(secret, delivery_id, at_seconds, body)}",
    }


def signature(secret: str, delivery_id: str, at_seconds: int, body: bytes) -> str:
    """HMAC-SHA256 of id, time and body, in base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{delivery_id}.{at_seconds}.".encode() + body
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
