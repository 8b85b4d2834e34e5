"""How a script has the agent fetch a document anew: it sets the document's byte in a file of one page.

A script that meets what its document does not explain, such as a token of an unknown key, sets the byte, a
write to memory; the agent looks at the page twice a second, takes the bytes back and fetches, each document
not more often than it says. The page cannot grow, whatever callers do. Two documents may share a byte: then
both are fetched.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from policies.documents.document import Document
from policies.expression.lua import Value

BYTES = 4096
LUA = Path(__file__).with_name("asking.lua")


def path(state: Path) -> Path:
    return state / "documents" / "asked"


def prepare(state: Path) -> None:
    """Makes the file where there is none. Raises OSError."""
    file = path(state)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not file.exists() or file.stat().st_size != BYTES:
        file.touch(mode=0o600)
        file.write_bytes(bytes(BYTES))


def settings(state: Path, documents: Iterable[Document]) -> dict[str, Value]:
    """What asking.lua needs."""
    return {"file": str(path(state)), "places": [place(one) for one in documents]}


def place(document: Document) -> int:
    """Which byte is the document's."""
    digest = hashlib.blake2b("\n".join(document.key).encode(), digest_size=4).digest()
    return int.from_bytes(digest) % BYTES
