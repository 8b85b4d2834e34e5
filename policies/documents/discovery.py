"""OpenID Connect's discovery documents, reduced to where a provider has tokens introspected."""

import json
from functools import lru_cache, partial
from urllib.parse import urlsplit

import orjson

from policies.documents.document import BadDocument, Kind

PATH = "/.well-known/openid-configuration"
MOST_CHARACTERS = 2000


@lru_cache(1024)
def of(issuer: str) -> Kind:
    """That of this provider, by its URL."""
    return Kind(f"openid-configuration of {issuer}", partial(read, issuer))


def read(issuer: str, content: bytes) -> str:
    """Raises BadDocument."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise BadDocument("what it answers is no JSON") from None
    if not isinstance(found, dict):
        raise BadDocument("what it answers is no discovery document")
    # Who answers for another provider could have its tokens judged by anybody.
    said = found.get("issuer")
    if not isinstance(said, str) or said.rstrip("/") != issuer.rstrip("/"):
        raise BadDocument("it is the document of another issuer than the one that was asked for")
    endpoint = found.get("introspection_endpoint")
    if not isinstance(endpoint, str) or not _is_url(endpoint):
        raise BadDocument("it names no introspection_endpoint; this provider has no tokens introspected")
    if issuer.startswith("https:") and not endpoint.startswith("https:"):
        raise BadDocument("its introspection_endpoint is without TLS")
    return json.dumps({"introspection_endpoint": endpoint})


def endpoint(text: str) -> str:
    """Of what `read` made."""
    found: str = json.loads(text)["introspection_endpoint"]
    return found


def _is_url(text: str) -> bool:
    try:
        at = urlsplit(text)
        port = at.port
    except ValueError:
        return False
    # 010 is ten to some, and eight to others.
    is_one = port is None or not at.netloc.rpartition(":")[2].startswith("0")
    is_plain = len(text) <= MOST_CHARACTERS and text.isascii() and text.isprintable() and " " not in text
    return is_plain and at.scheme in ("http", "https") and bool(at.hostname) and is_one and not at.username
