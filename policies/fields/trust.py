"""Certificates that vouch for a server which a policy has asked."""

import ssl
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from policies.policy import MANY_LINES

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


TrustedCas = Annotated[str, AfterValidator(checked)]
"""PEM certificates, or "" for the CAs that the gateway trusts."""


def of_provider(**extra: Any) -> Any:
    """A field for `TrustedCas` of a provider that a policy names itself."""
    return Field(
        "",
        alias="trustedCA",
        title="Trusted CAs",
        description="PEM certificates that vouch for a provider of your own. Empty: the CAs that the gateway"
        " trusts.",
        max_length=MOST_CHARACTERS,
        json_schema_extra={"advanced": True, **MANY_LINES, **extra},
    )
