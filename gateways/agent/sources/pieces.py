"""Divides the text of a file into its documents, so that those which are known are not read again.

A line that begins with three hyphens begins a document, whatever stands before it. What makes that less plain
(directives, ends of documents, other ends of lines, a broken document) has the text read as a whole.
"""

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateways.agent.sources.parsing import Found, parse
from gateways.protocol.yaml_documents import MOST_BYTES

_BEGINNING = re.compile(rb"^---(?=[ \t\n]|\Z)", re.MULTILINE)
_LESS_PLAIN = re.compile(rb"^(?:%|\.\.\.)|\r|\xc2\x85|\xe2\x80[\xa8\xa9]", re.MULTILINE)


@dataclass(frozen=True)
class FilePiece:
    """`found` are its resources and what is wrong, whose lines count from `first_line`."""

    content: bytes
    first_line: int
    found: Found


def read(
    content: bytes, environ: Mapping[str, str], before: Iterable[FilePiece] = ()
) -> tuple[FilePiece, ...]:
    """All of a text; what a piece of it was before is had again."""
    known = {piece.content: piece.found for piece in before}
    pieces: list[FilePiece] = []
    line = 1
    for part in _parts(content):
        found = known.get(part)
        if found is None:
            found, is_whole = parse(part, environ)
            if not is_whole:
                return (FilePiece(content, 1, found if part == content else parse(content, environ)[0]),)
        pieces.append(FilePiece(part, line, found))
        line += part.count(b"\n")
    return tuple(pieces)


def _parts(content: bytes) -> Iterator[bytes]:
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if len(content) > MOST_BYTES or is_utf_16 or _LESS_PLAIN.search(content):
        yield content
        return
    at = 0
    for match in _BEGINNING.finditer(content):
        if match.start() > at:
            yield content[at : match.start()]
            at = match.start()
    yield content[at:]
