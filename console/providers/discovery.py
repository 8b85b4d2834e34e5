"""What an identity provider says of itself: its issuer and where its endpoints are."""

import hashlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import redis
from django.core.cache import cache

from console.providers import fetching
from console.providers.fetching import Crowded, Unfetched
from console.providers.models import IdentityProvider

WELL_KNOWN = "/.well-known/openid-configuration"
KEPT_SECONDS = 60
DOWN_SECONDS = 10
"""So long a provider that did not answer is not asked again: whoever waits for it holds a thread."""


@dataclass(frozen=True)
class Discovered:
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    is_basic: bool = True
    """Whether the client names itself by HTTP Basic, else in the form."""
    names_issuer: bool = False
    """Whether its answers at the redirect carry `iss` (RFC 9207)."""


def address_of(discovery_url: str) -> str:
    return discovery_url if discovery_url.endswith(WELL_KNOWN) else discovery_url.rstrip("/") + WELL_KNOWN


def discovered(provider: IdentityProvider) -> Discovered:
    """Raises Unfetched."""
    address = address_of(provider.discovery_url)
    key = _key(address)
    kept: dict[str, Any] = {}
    with suppress(redis.RedisError):
        kept = cache.get(key) or {}
    if "down" in kept:
        raise Unfetched(kept["down"])
    if kept:
        return Discovered(**kept)
    try:
        found = read(address, fetching.get_json(address))
    except Crowded:
        raise
    except Unfetched as error:
        _keep(key, {"down": str(error)}, DOWN_SECONDS)
        raise
    _keep(key, asdict(found), KEPT_SECONDS)
    return found


def fresh(provider: IdentityProvider) -> Discovered:
    """Asked now. Raises Unfetched."""
    address = address_of(provider.discovery_url)
    found = read(address, fetching.get_json(address))
    _keep(_key(address), asdict(found), KEPT_SECONDS)
    return found


def read(address: str, document: dict[str, Any]) -> Discovered:
    """Raises Unfetched for a document that is not this issuer's, or lacks what a login needs."""
    issuer = _text(document, "issuer")
    if address_of(issuer) != address:
        raise Unfetched(f"its document is that of another issuer, {issuer}; write that address")
    methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return Discovered(
        issuer=issuer,
        authorization_endpoint=_address(document, "authorization_endpoint"),
        token_endpoint=_address(document, "token_endpoint"),
        jwks_uri=_address(document, "jwks_uri"),
        userinfo_endpoint=_address(document, "userinfo_endpoint", needed=False),
        end_session_endpoint=_address(document, "end_session_endpoint", needed=False),
        is_basic="client_secret_basic" in methods or "client_secret_post" not in methods,
        names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _key(address: str) -> str:
    return f"identity-provider-1-{hashlib.sha256(address.encode()).hexdigest()}"


def _keep(key: str, value: dict[str, Any], seconds: int) -> None:
    with suppress(redis.RedisError):
        cache.set(key, value, seconds)


def _address(document: dict[str, Any], name: str, *, needed: bool = True) -> str:
    if name not in document and not needed:
        return ""
    address = _text(document, name)
    if fault := fetching.fault_of(address):
        raise Unfetched(f"its document's {name} is none: {fault}")
    return address


def _text(document: dict[str, Any], name: str) -> str:
    found = document.get(name)
    if not isinstance(found, str) or not found or len(found) > 500:
        raise Unfetched(f"its document names no {name}")
    return found
