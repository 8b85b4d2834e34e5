"""The REST interface as people read it: its OpenAPI document by tag, operation and field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "post", "put", "patch", "delete")
DEEPEST = 4
"""Levels of a body that are told; what lies deeper is told as an object."""

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """One value of a path, a query, a body or an answer; what lies inside another is named after it."""

    name: str
    kind: str
    is_required: bool = False
    about: str = ""


@dataclass(frozen=True)
class Answer:
    status: str
    about: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    anchor: str
    about: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Group:
    title: str
    operations: tuple[Operation, ...]


@cache
def groups() -> tuple[Group, ...]:
    """Made once: the interface does not change while the console runs."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    found: dict[str, list[Operation]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = item[method]
                tag = (operation.get("tags") or ["Other"])[0]
                found.setdefault(tag, []).append(_operation(path, method, operation, document))
    return tuple(Group(title, tuple(operations)) for title, operations in sorted(found.items()))


def _operation(path: str, method: str, operation: Schema, document: Schema) -> Operation:
    parameters = tuple(
        Field(
            one["name"],
            f"{_kind(one.get('schema', {}), document)}, in the {one['in']}",
            bool(one.get("required")),
            one.get("description", ""),
        )
        for one in operation.get("parameters", ())
    )
    return Operation(
        method.upper(),
        path,
        operation["operationId"],
        operation.get("description") or operation.get("summary") or "",
        parameters,
        tuple(_fields(_content(operation.get("requestBody", {})), document)),
        tuple(
            Answer(status, one.get("description", ""), tuple(_fields(_content(one), document)))
            for status, one in sorted(operation.get("responses", {}).items())
        ),
    )


def _content(part: Schema) -> Schema:
    """The schema of a body, by preference as JSON."""
    content: Schema = part.get("content", {})
    chosen: Schema = content.get("application/json") or next(iter(content.values()), {})
    schema: Schema = chosen.get("schema", {})
    return schema


def _fields(schema: Schema, document: Schema, before: str = "", depth: int = 0) -> Iterator[Field]:
    schema = _resolved(schema, document)
    if schema.get("type") == "array":
        yield from _fields(schema.get("items", {}), document, f"{before}[].".replace(".[]", "[]"), depth)
        return
    required = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        shape = _resolved(part, document)
        told = part.get("description") or shape.get("description") or ""
        yield Field(f"{before}{name}", _kind(part, document), name in required, told)
        if depth < DEEPEST:
            yield from _fields(part, document, f"{before}{name}.", depth + 1)


def _resolved(schema: Schema, document: Schema) -> Schema:
    """With its reference followed, and what only wraps it, to describe it or to allow null, taken off."""
    if "$ref" in schema:
        target: Schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return _resolved(target, document)
    for word in ("allOf", "oneOf", "anyOf"):
        if schema.get(word):
            return _resolved(schema[word][0], document)
    return schema


def _kind(schema: Schema, document: Schema) -> str:
    shape = _resolved(schema, document)
    if "enum" in shape:
        return " | ".join(str(one) for one in shape["enum"] if one not in (None, ""))
    if shape.get("type") == "array":
        return f"list of {_kind(shape.get('items', {}), document)}"
    return str(shape.get("format") or shape.get("type") or "object")
