"""OpenID Connect's discovery documents, reduced to where a provider has what a policy asks for."""

import json
from functools import lru_cache, partial
from urllib.parse import urlsplit

import orjson

from policies.documents.document import BadDocument, DocumentKind

PATH = "/.well-known/openid-configuration"
MOST_CHARACTERS = 2000


ENDPOINT, KEYS = "introspection_endpoint", "jwks_uri"
_LACKS = {
    ENDPOINT: "this provider has no tokens introspected",
    KEYS: "this provider publishes no keys",
}


@lru_cache(1024)
def of(issuer: str) -> DocumentKind:
    """That of this provider, by its URL: where it has tokens introspected."""
    return DocumentKind(f"openid-configuration of {issuer}", partial(read, issuer, ENDPOINT))


@lru_cache(1024)
def keys_of(issuer: str) -> DocumentKind:
    """The same: where it publishes the keys that its tokens are signed by."""
    return DocumentKind(f"openid-configuration of {issuer} for its keys", partial(read, issuer, KEYS))


def read(issuer: str, wanted: str, content: bytes) -> str:
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
    url = found.get(wanted)
    if not isinstance(url, str) or not _is_url(url):
        raise BadDocument(f"it names no {wanted}; {_LACKS[wanted]}")
    if issuer.startswith("https:") and not url.startswith("https:"):
        raise BadDocument(f"its {wanted} is without TLS")
    return json.dumps({wanted: url} if wanted == ENDPOINT else {wanted: url, "issuer": said})


def endpoint(text: str) -> str:
    """Of what `of` made."""
    found: str = json.loads(text)[ENDPOINT]
    return found


def keys(text: str) -> tuple[str, str]:
    """Of what `keys_of` made: the key set's URL, and the issuer as its tokens name it."""
    found = json.loads(text)
    return found[KEYS], found["issuer"]


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
