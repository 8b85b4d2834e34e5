"""Keys that issuers publish: the documents that a policy needs for them, and whose tokens they are for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policies.catalog.jwt_validation.config import Config, listed
from policies.compiled import Scope
from policies.documents import discovery, jwks
from policies.documents.document import Document
from policies.traits import ClientProvider

FILLED = ("providerUrl", "trustedCA")
"""What the environment's client provider says."""


@dataclass(frozen=True)
class Published:
    """`documents` are to be fetched anew where a key is unknown; of a key set that was never had the text is
    None. `issuer` is as the provider's document names it, "" where there is none.
    """

    documents: tuple[Document, ...]
    texts: tuple[str | None, ...]
    issuer: str = ""


def published(config: Config, scope: Scope) -> Published:
    ttl, seconds = config.jwks_service_time_to_live * 60, config.jwks_service_connection_timeout / 1000
    if config.jwt_key_origin == "jwks":
        sets = [Document(url, jwks.KEY_SET, ttl, seconds) for url in listed(config.jwks_url)]
        return Published(tuple(sets), tuple(scope.documents.get(one) for one in sets))
    issuer, trusted = config.provider_url.rstrip("/"), config.trusted_ca
    kind = discovery.keys_of(issuer)
    found = Document(issuer + discovery.PATH, kind, ttl, seconds, trusted_ca=trusted)
    told = scope.documents.get(found)
    if told is None:
        return Published((found,), (None,))
    url, said = discovery.keys(told)
    keys = Document(url, jwks.KEY_SET, ttl, seconds, trusted_ca=trusted)
    return Published((found, keys), (scope.documents.get(keys),), said)


def concerns(config: Mapping[str, Any]) -> bool:
    return config.get("jwtKeyOrigin") == "provider"


def asks(config: Mapping[str, Any]) -> bool:
    """Whether it names no provider of its own."""
    return concerns(config) and not config.get("providerUrl")


def fill(config: Mapping[str, Any], provider: ClientProvider) -> dict[str, Any]:
    """With the environment's provider, which has keys where it has a discovery document."""
    return {**config, "providerUrl": provider.issuer, "trustedCA": provider.trusted_ca}
