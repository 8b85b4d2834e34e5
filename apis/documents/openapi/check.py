"""What an OpenAPI document says of itself, or what is wrong with it and where."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from apis.documents.openapi import load, schema
from apis.documents.openapi.fault import DocumentFault, shortened
from apis.documents.openapi.limits import MOST_BYTES, MOST_OPERATIONS
from apis.documents.openapi.operations import DocumentServer, Operation, operations, servers
from apis.documents.openapi.references import References

MOST_REMARKS = 20


@dataclass(frozen=True)
class CheckedDocument:
    """`openapi` is the version of the format, `version` the API's own; `remarks` are odd but no fault."""

    title: str
    version: str
    openapi: str
    servers: tuple[DocumentServer, ...]
    operations: tuple[Operation, ...]
    remarks: tuple[str, ...]


def read(text: str) -> CheckedDocument:
    """Raises DocumentFault. Takes time and memory: `apis.documents.openapi.child` runs it in a process."""
    if len(text) > MOST_BYTES:
        raise DocumentFault(f"the file is larger than {MOST_BYTES // 1024 // 1024} MB")
    document = load.load(text)
    if not isinstance(document, dict):
        raise DocumentFault("it holds no fields")
    try:
        return _read(document)
    except DocumentFault as fault:
        place = load.place_of(text, fault.path) if fault.path and fault.line is None else None
        line, column = place or (fault.line, fault.column)
        raise DocumentFault(fault.message, fault.path, line, column) from None


def _read(document: dict[str, Any]) -> CheckedDocument:
    version = schema.version_of(document)
    schema.check(document, version)
    references = References(document, version)
    references.check()
    info, remarks = document["info"], list[str]()

    def remark(text: str) -> None:
        if len(remarks) < MOST_REMARKS:
            remarks.append(shortened(text, 300))

    listed = tuple(islice(operations(document, references, remark), MOST_OPERATIONS + 1))
    if len(listed) > MOST_OPERATIONS:
        raise DocumentFault(f"it has more than {MOST_OPERATIONS:,} operations; split it")
    return CheckedDocument(
        title=shortened(str(info["title"]), 255),
        version=shortened(str(info["version"]), 255),
        openapi=shortened(str(document.get("openapi") or document["swagger"]), 40),
        servers=tuple(servers(document, version)),
        operations=listed,
        remarks=tuple(remarks),
    )
