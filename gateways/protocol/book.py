"""The contracts of one gateway, as they travel: a line that says whose they are, then one for each contract,
a Contract resource, which stays the same, byte for byte, while the contract does. They stand in the order of
`ordered`.

Of many contracts one changes most often, so changes travel by themselves: whoever has the contracts of the
generation that they begin with, or of one after it, makes the newest of them.
"""

import hashlib
from collections.abc import Iterable, Sequence

import orjson
from pydantic import Field

from gateways.protocol.resources import Model

BOOK_PATH = "/v1/contracts"
"""What the console signs a book as that it sends down a stream: of a PUT."""
CHANGES_PATH = "/v1/contract-changes"
"""The same of changes."""


class Head(Model):
    """`digest` is of the lines after it."""

    gateway: str
    generation: int = Field(ge=0, le=2**53)
    digest: str


class ChangesHead(Model):
    """The lines after it are those that are new or other since any generation from `since` on; `gone` names
    the contracts that count no more. `names` is the digest of the names of all that count then: whoever comes
    to others has one of which the sender did not know that it was told.
    """

    gateway: str
    since: int = Field(ge=1, le=2**53)
    generation: int = Field(ge=1, le=2**53)
    gone: tuple[str, ...] = ()
    names: str


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


def written_changes(head: ChangesHead, lines: Iterable[bytes]) -> bytes:
    return b"\n".join((head.model_dump_json(by_alias=True).encode(), *lines))


def read_changes(body: bytes) -> tuple[ChangesHead, list[bytes]]:
    """Raises ValueError."""
    first, *lines = body.split(b"\n")
    return ChangesHead.model_validate(orjson.loads(first)), lines


def name_of(line: bytes) -> str:
    """The name of its contract, by which changes tell of it; of what has none, something that is nobody's."""
    try:
        return str(orjson.loads(line)["metadata"]["name"])
    except (ValueError, TypeError, KeyError):
        return f"unnamed {_digest(line)}"


def ordered(names: Iterable[str]) -> list[str]:
    """The order of lines: shorter names first, so that contract-9 stands before contract-10."""
    return sorted(sorted(names), key=len)


def digest_of(names: Iterable[str]) -> str:
    """Of these, which are `ordered`."""
    return _digest("\n".join(names).encode())


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
