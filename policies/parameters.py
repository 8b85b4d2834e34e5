"""A policy's parameters as its page lists them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from policies.contract import Policy
from policies.schema import Schema, kind, resolve

KINDS = {
    "text": "string",
    "area": "string",
    "number": "number",
    "switch": "boolean",
    "secret": "secret string",
    "expression": "expression",
    "choice": "one of",
    "choices": "some of",
    "lines": "list of strings",
    "rows": "list of objects",
    "group": "object",
    "json": "JSON",
}


@dataclass(frozen=True)
class Parameter:
    """`path` is as in the JSON, with [] for each entry of a list."""

    path: str
    title: str
    kind: str
    help: str
    default: str
    is_required: bool
    depth: int


def parameters(policy: Policy[Any]) -> list[Parameter]:
    schema = policy.config.model_json_schema(by_alias=True)
    return list(_members(schema, schema, "", 0))


def _members(schema: Schema, root: Schema, prefix: str, depth: int) -> Iterator[Parameter]:
    for key, part in schema.get("properties", {}).items():
        found = resolve(part, root)
        shape = kind(found, root)
        path = f"{prefix}{key}"
        yield Parameter(
            path,
            found.get("title", key),
            _kind(shape, found, root),
            found.get("description", ""),
            _default(found),
            key in schema.get("required", ()),
            depth,
        )
        if shape == "group":
            yield from _members(found, root, f"{path}.", depth + 1)
        if shape == "rows":
            yield from _members(resolve(found["items"], root), root, f"{path}[].", depth + 1)


def _kind(shape: str, found: Schema, root: Schema) -> str:
    item: Any = resolve(found.get("items", {}), root) if shape == "choices" else found
    values = ", ".join(map(str, item.get("enum", ()))) if shape in {"choice", "choices"} else ""
    return f"{KINDS[shape]} {values}".strip()


def _default(found: Schema) -> str:
    value = found.get("default")
    return "" if value in (None, "", [], {}) else value if isinstance(value, str) else json.dumps(value)
