"""The contracts of one gateway, as they travel: a line that says whose they are, then one for each contract,
a Contract resource, which stays the same, byte for byte, while the contract does.
"""

import hashlib
from collections.abc import Sequence

import orjson
from pydantic import Field

from gateways.protocol.resources import Model

BOOK_PATH = "/v1/contracts"
"""What the console signs a book as that it sends down a stream: of a PUT."""


class Head(Model):
    """`digest` is of the lines after it."""

    gateway: str
    generation: int = Field(ge=0, le=2**53)
    digest: str


def written(gateway: str, generation: int, lines: Sequence[bytes]) -> tuple[Head, bytes]:
    """The book and its head."""
    body = b"\n".join(lines)
    head = Head(gateway=gateway, generation=generation, digest=_digest(body))
    return head, head.model_dump_json(by_alias=True).encode() + b"\n" + body


def read(body: bytes) -> tuple[Head, list[bytes]]:
    """Raises ValueError."""
    first, _, rest = body.partition(b"\n")
    head = Head.model_validate(orjson.loads(first))
    if head.digest != _digest(rest):
        raise ValueError("the digest is not that of the contracts")
    return head, rest.split(b"\n") if rest else []


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
