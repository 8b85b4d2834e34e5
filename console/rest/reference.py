"""The REST interface as people read it: its OpenAPI document by tag, operation and field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from console.rest.made_once import made_once

METHODS = ("get", "post", "put", "patch", "delete")
DEEPEST = 4
"""Levels of a body that are told; what lies deeper is told as an object."""

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Shape:
    """An object of the document by its name, or a list of such."""

    before: str
    name: str


@dataclass(frozen=True)
class ReferenceField:
    """One value of a path, a query, a body or an object; what lies inside another is named after it.

    Of a value that is an object told elsewhere, `shapes` say which.
    """

    name: str
    kind: str
    is_required: bool = False
    about: str = ""
    shapes: tuple[Shape, ...] = ()


@dataclass(frozen=True)
class ReferenceAnswer:
    """With its fields where it is no object of the document."""

    status: str
    about: str
    shapes: tuple[Shape, ...]
    fields: tuple[ReferenceField, ...]


@dataclass(frozen=True)
class ReferenceOperation:
    method: str
    path: str
    anchor: str
    about: str
    parameters: tuple[ReferenceField, ...]
    body: tuple[ReferenceField, ...]
    answers: tuple[ReferenceAnswer, ...]


@dataclass(frozen=True)
class ReferenceObject:
    """What several answers hold, told once."""

    name: str
    about: str
    fields: tuple[ReferenceField, ...]


@dataclass(frozen=True)
class ReferenceGroup:
    title: str
    operations: tuple[ReferenceOperation, ...]


@dataclass(frozen=True)
class Reference:
    groups: tuple[ReferenceGroup, ...]
    objects: tuple[ReferenceObject, ...]


@made_once
def reference() -> Reference:
    """Made once: the interface does not change while the console runs."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    found: dict[str, list[ReferenceOperation]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = item[method]
                tag = (operation.get("tags") or ["Other"])[0]
                found.setdefault(tag, []).append(_operation(path, method, operation, document))
    groups = tuple(ReferenceGroup(title, tuple(operations)) for title, operations in sorted(found.items()))
    return Reference(groups, _objects(groups, document))


def _objects(groups: tuple[ReferenceGroup, ...], document: Schema) -> tuple[ReferenceObject, ...]:
    """Those that an answer names, and those that these name."""
    wanted = [
        shape
        for group in groups
        for operation in group.operations
        for answer in operation.answers
        for shape in answer.shapes
    ]
    found: dict[str, ReferenceObject] = {}
    while wanted:
        name = wanted.pop().name
        if name not in found:
            found[name] = _object(name, document)
            wanted += [shape for field in found[name].fields for shape in field.shapes]
    return tuple(found[name] for name in sorted(found))


def _object(name: str, document: Schema) -> ReferenceObject:
    schema = document["components"]["schemas"][name]
    return ReferenceObject(name, schema.get("description", ""), tuple(_members(schema, document)))


def _members(schema: Schema, document: Schema) -> Iterator[ReferenceField]:
    """The values of one object, those inside it by the names of their objects."""
    required = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        shapes = tuple(_shapes(part, document))
        kind = "" if shapes else _kind(part, document)
        yield ReferenceField(name, kind, name in required, part.get("description", ""), shapes)


def _shapes(schema: Schema, document: Schema, before: str = "") -> Iterator[Shape]:
    """The objects that a value may be; none when it is no object of the document."""
    name = schema.get("$ref", "").rpartition("/")[2]
    target: Schema = document["components"]["schemas"][name] if name else schema
    if name and target.get("properties"):
        yield Shape(before, name)
    elif target.get("type") == "array":
        yield from _shapes(target.get("items", {}), document, f"{before}list of ")
    else:
        for word in ("allOf", "oneOf", "anyOf"):
            for one in target.get(word, ()):
                yield from _shapes(one, document, before)


def _operation(path: str, method: str, operation: Schema, document: Schema) -> ReferenceOperation:
    parameters = tuple(
        ReferenceField(
            one["name"],
            f"{_kind(one.get('schema', {}), document)}, in the {one['in']}",
            bool(one.get("required")),
            one.get("description", ""),
        )
        for one in operation.get("parameters", ())
    )
    return ReferenceOperation(
        method.upper(),
        path,
        operation["operationId"],
        operation.get("description") or operation.get("summary") or "",
        parameters,
        tuple(_fields(_content(operation.get("requestBody", {})), document)),
        tuple(_answers(operation.get("responses", {}), document)),
    )


def _answers(responses: Schema, document: Schema) -> Iterator[ReferenceAnswer]:
    """Those that say the same of several statuses as one."""
    found: dict[tuple[str, tuple[Shape, ...], tuple[ReferenceField, ...]], list[str]] = {}
    for status, one in sorted(responses.items()):
        shapes = tuple(_shapes(_content(one), document))
        fields = () if shapes else tuple(_fields(_content(one), document))
        found.setdefault((one.get("description", ""), shapes, fields), []).append(status)
    for (about, shapes, fields), statuses in found.items():
        yield ReferenceAnswer(", ".join(statuses), about, shapes, fields)


def _content(part: Schema) -> Schema:
    """The schema of a body, by preference as JSON."""
    content: Schema = part.get("content", {})
    chosen: Schema = content.get("application/json") or next(iter(content.values()), {})
    schema: Schema = chosen.get("schema", {})
    return schema


def _fields(schema: Schema, document: Schema, before: str = "", depth: int = 0) -> Iterator[ReferenceField]:
    schema = _resolved(schema, document)
    if schema.get("type") == "array":
        yield from _fields(schema.get("items", {}), document, f"{before}[].".replace(".[]", "[]"), depth)
        return
    required = schema.get("required", ())
    for name, part in schema.get("properties", {}).items():
        shape = _resolved(part, document)
        told = part.get("description") or shape.get("description") or ""
        yield ReferenceField(f"{before}{name}", _kind(part, document), name in required, told)
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
