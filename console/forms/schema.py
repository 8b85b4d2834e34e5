"""What a configuration's JSON schema says of one value: its references followed, its kind of control."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

PREFIX = "config"
"""What the name of a policy's field, and the path of its error, starts with."""

MENTION = "${secret:"
"""What the value of a secret's field begins with where it only names one that is kept elsewhere."""

Schema = Mapping[str, Any]

_STRINGS = {"password": "secret", "dataweave": "expression", "multiline": "area"}
_PLAIN = {"boolean": "switch", "integer": "number", "number": "number"}


def of_model(model: type[BaseModel]) -> Schema:
    """Of a class that stays, a policy's configuration: pydantic takes milliseconds to make it, and a page
    asks for that of each policy. All share it, so nothing in it is changed.
    """
    return _of_model(model)


@cache
def _of_model(model: type[BaseModel]) -> Schema:
    return model.model_json_schema()


def named(prefix: str, key: str) -> str:
    """The name of a member; the members of a form without a prefix are named as they are."""
    return f"{prefix}.{key}" if prefix else key


def resolve(schema: Schema, root: Schema) -> dict[str, Any]:
    """The schema with its reference followed, and `X or null` read as an X that may be left out."""
    found = dict(schema)
    options = [part for part in found.pop("anyOf", ()) if part.get("type") != "null"]
    inner = found.pop("$ref", None)
    if inner:
        target = root["$defs"][inner.rpartition("/")[2]]
        return resolve({**target, **found}, root)
    if len(options) == 1:
        return resolve({**options[0], **found}, root)
    return {**found, "anyOf": options} if options else found


def kind(schema: Schema, root: Schema) -> str:
    """choice, cards, switch, number, duration, text, secret, expression, area, lines, choices, rows, group,
    json.
    """
    shape = schema.get("type", "")
    if "enum" in schema or "const" in schema:
        return "cards" if "abouts" in schema else "choice"
    if shape == "string":
        usual = "multiline" if schema.get("multiline") else ""
        form = "password" if schema.get("writeOnly") else schema.get("format", usual)
        return _STRINGS.get(form, "text")
    if shape == "integer" and str(schema.get("format", "")).startswith("duration-"):
        return "duration"
    if shape == "array":
        return _list_kind(resolve(schema.get("items", {}), root))
    if shape == "object" and "properties" in schema:
        return "group"
    return _PLAIN.get(shape, "json")


def _list_kind(item: Schema) -> str:
    if "enum" in item:
        return "choices"
    if item.get("type") in {"string", "integer", "number"}:
        return "lines"
    return "rows" if "properties" in item else "json"
