"""Certificates that vouch for a server which a policy has asked."""

import ssl
from functools import lru_cache

from pydantic_core import PydanticCustomError

MOST_CHARACTERS = 256 * 1024


def checked(pem: str) -> str:
    """Raises PydanticCustomError for what holds no certificate."""
    if pem and not _holds_some(pem):
        raise PydanticCustomError(
            "trust", "holds no PEM certificate; write -----BEGIN CERTIFICATE----- and so on"
        )
    return pem


@lru_cache(64)
def _holds_some(pem: str) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        return False
    return bool(context.cert_store_stats()["x509"])
