"""Documents that a policy needs from the network: the agent fetches and keeps them, no request waits for one.

A policy asks `Scope.documents` for their texts when it is compiled: what it asks for is fetched and kept from
then on, and the policy is compiled anew when a text changes. Without a text it has to refuse what needs one.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

MOST_BYTES = 1024 * 1024
SHOWN_CHARACTERS = 300


class BadDocument(ValueError):
    """What came is not what was asked for. The text says why, and quotes nothing of it."""


@dataclass(frozen=True)
class DocumentKind:
    """What a document is. `read` makes of what came the text that policies get, always the same of what
    means the same; it raises BadDocument, never another error, whatever came."""

    name: str
    read: Callable[[bytes], str]


@dataclass(frozen=True)
class Document:
    """`url` is http or https; of several that want one document the strictest `ttl_seconds` counts.

    `trusted_ca` are PEM certificates that alone vouch for the server; "" for those that the gateway trusts.
    """

    url: str
    kind: DocumentKind
    ttl_seconds: float
    timeout_seconds: float = 10
    most_bytes: int = MOST_BYTES
    trusted_ca: str = field(default="", repr=False)

    @property
    def key(self) -> tuple[str, str]:
        """What two policies share a document by."""
        vouched = (
            f" vouched for by {hashlib.blake2b(self.trusted_ca.encode(), digest_size=16).hexdigest()}"
            if self.trusted_ca
            else ""
        )
        return self.kind.name + vouched, self.url

    @property
    def shown(self) -> str:
        """Its URL as logs and people may see it: a query may hold a secret."""
        return self.url.partition("?")[0][:SHOWN_CHARACTERS]


class Texts(Protocol):
    """The texts that are at hand."""

    def get(self, document: Document, /) -> str | None: ...


class RememberedTexts:
    """Notes which texts were asked for, and gives each the same answer once and again."""

    def __init__(self, texts: Texts) -> None:
        self.given: dict[Document, str | None] = {}
        self._texts = texts

    def get(self, document: Document, /) -> str | None:
        if document not in self.given:
            self.given[document] = self._texts.get(document)
        return self.given[document]
