"""What a document offers: its operations, and the servers that it says serve them."""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from apis.documents.openapi.contents import Contents
from apis.documents.openapi.fault import DocumentFault, pointer, shortened
from apis.documents.openapi.limits import MOST_HOPS
from apis.documents.openapi.references import References

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
LONGEST_PATH = 500
LONGEST_TEXT = 200
MOST_SERVERS = 20
_VARIABLE = re.compile(r"\{([^{}/]{1,80})\}")


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    summary: str
    operation_id: str
    tags: tuple[str, ...]
    is_deprecated: bool
    content: str
    """A digest of what is said of it, but for the fields above."""


@dataclass(frozen=True)
class DocumentServer:
    """`url` has its variables filled in; one that begins with "/" belongs to a host that is not told."""

    url: str
    description: str


def operations(
    document: dict[str, Any], references: References, remark: Callable[[str], None]
) -> Iterator[Operation]:
    """In the document's order; what is odd in them is remarked."""
    ids: dict[str, str] = {}
    contents = Contents(references)
    paths = document.get("paths")
    items = (
        [(path, _item(path, given, references)) for path, given in paths.items()]
        if isinstance(paths, dict)
        else []
    )
    items = [(path, item) for path, item in items if path.startswith("/")]
    for _, item in items:
        for _, found in _methods(item):
            contents.meet(item, found)
    contents.settle()
    for path, item in items:
        if len(path) > LONGEST_PATH:
            remark(f"A path longer than {LONGEST_PATH} characters is left out: {shortened(path, 60)}")
            continue
        for method, found in _methods(item):
            place = f"{method} {shortened(path, 120)}"
            made = _operation(method, path, found, contents.of(item, found))
            if made.operation_id and ids.setdefault(made.operation_id, place) != place:
                remark(
                    f'operationId "{made.operation_id}" of {place} is that of {ids[made.operation_id]} too'
                )
            for text in _undeclared(place, path, item, found, references):
                remark(text)
            yield made


def servers(document: dict[str, Any], version: str) -> list[DocumentServer]:
    if version == "2.0":
        return _of_swagger(document)
    found = []
    listed = document.get("servers")
    for one in listed[:MOST_SERVERS] if isinstance(listed, list) else ():
        url = _VARIABLE.sub(partial(_default, one.get("variables")), str(one.get("url", "")))
        if url and "{" not in url and len(url) <= LONGEST_PATH:
            found.append(DocumentServer(shortened(url), _text(one.get("description"))))
    return found


def _of_swagger(document: dict[str, Any]) -> list[DocumentServer]:
    host, path = document.get("host"), document.get("basePath") or "/"
    if not isinstance(host, str) or not isinstance(path, str):
        return [DocumentServer(shortened(path), "")] if isinstance(path, str) and path != "/" else []
    schemes = [one for one in document.get("schemes") or ["https"] if one in ("http", "https")]
    path = "" if path == "/" else path
    return [
        DocumentServer(shortened(f"{scheme}://{host}{path}"), "")
        for scheme in sorted(set(schemes), reverse=True)
    ]


def _default(variables: Any, match: re.Match[str]) -> str:
    variable = variables.get(match[1]) if isinstance(variables, dict) else None
    return str(variable.get("default", "")) if isinstance(variable, dict) else match[0]


def _item(path: str, item: Any, references: References) -> dict[str, Any]:
    """A path's item, or that of another place where it refers to one. Raises DocumentFault."""
    for hops in itertools.count():
        if not isinstance(item, dict) or not isinstance(item.get("$ref"), str):
            break
        if hops == MOST_HOPS:
            at = ("paths", path)
            raise DocumentFault(
                f"{pointer(at)}: its $ref leads round in a ring, or over more than {MOST_HOPS} others", at
            )
        target = references.target(item["$ref"])
        item = (
            {**target, **{k: v for k, v in item.items() if k != "$ref"}} if isinstance(target, dict) else {}
        )
    return item if isinstance(item, dict) else {}


def _methods(item: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    more = item.get("additionalOperations")
    pairs = [(key.upper(), item[key]) for key in (*METHODS, "query") if key in item]
    pairs += more.items() if isinstance(more, dict) else ()
    for method, found in pairs:
        if isinstance(found, dict) and re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40}", method):
            yield method, found


def _operation(method: str, path: str, found: dict[str, Any], content: str) -> Operation:
    tags = found.get("tags")
    return Operation(
        method,
        shortened(path, LONGEST_PATH),
        _text(found.get("summary")) or _text(found.get("description")),
        _text(found.get("operationId")),
        tuple(_text(one, 60) for one in tags[:5] if isinstance(one, str)) if isinstance(tags, list) else (),
        found.get("deprecated") is True,
        content,
    )


def _undeclared(
    place: str, path: str, item: dict[str, Any], found: dict[str, Any], references: References
) -> Iterator[str]:
    """Parameters of a path's template that nothing declares."""
    wanted = _VARIABLE.findall(path)
    declared = set()
    for listed in (item.get("parameters"), found.get("parameters")) if wanted else ():
        for one in listed if isinstance(listed, list) else ():
            meant = references.target(one["$ref"]) if isinstance(one.get("$ref"), str) else one
            if isinstance(meant, dict) and meant.get("in") == "path":
                declared.add(meant.get("name"))
    for name in wanted:
        if name not in declared:
            yield f"{place}: path parameter {{{name}}} is declared nowhere"


def _text(value: Any, most: int = LONGEST_TEXT) -> str:
    """One line of it."""
    return shortened(" ".join(value[: 4 * most].split()), most) if isinstance(value, str) else ""
