"""A configuration as JSON, read from the form that `console.forms.schema_form` made.

Reading is lenient: what cannot be a number stays the text that was typed, so that the schema's own
validation names it and the form shows it again.
"""

import json
import math
from typing import Any

from django.http import QueryDict

from console.forms import durations, rows
from console.forms.schema import PREFIX, Schema, kind, named, resolve

CHOICES = frozenset({"choice", "cards"})


def read(schema: Schema, data: QueryDict, prefix: str = PREFIX) -> dict[str, Any]:
    """The configuration that was posted. What was left empty is left out."""
    return _read_members(schema, schema, data, prefix)


def unsaid(schema: Schema, values: dict[str, Any], was: dict[str, Any]) -> dict[str, Any]:
    """Without what `was` does not say and the form shows as it comes: to save it would be no change."""
    return _unsaid(schema, schema, values, was)


def _unsaid(schema: Schema, root: Schema, values: dict[str, Any], was: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in values.items():
        part = resolve(schema.get("properties", {}).get(key, {}), root)
        if key not in was and "default" in part and value == part["default"]:
            continue
        both = isinstance(value, dict) and isinstance(was.get(key), dict)
        found[key] = _unsaid(part, root, value, was[key]) if both else value
    return found


def _read_members(schema: Schema, root: Schema, data: QueryDict, prefix: str) -> dict[str, Any]:
    found = {}
    for key, part in schema.get("properties", {}).items():
        value = _read_one(resolve(part, root), root, data, named(prefix, key))
        if value is not None:
            found[key] = value
    return found


def _read_one(schema: Schema, root: Schema, data: QueryDict, name: str) -> Any:
    """The posted value, or None for nothing."""
    match kind(schema, root):
        case "group":
            return _read_members(schema, root, data, name)
        case "rows":
            item = resolve(schema["items"], root)
            return [_read_row(item, root, data, name, key) for key in rows.keys(data, name)]
        case "switch":
            return name in data
        case "choices":
            return data.getlist(name)
        case "lines":
            item = resolve(schema.get("items", {}), root)
            lines = [line.strip() for line in data.get(name, "").splitlines() if line.strip()]
            return lines if item.get("type") == "string" else [_number(line) for line in lines]
        case shape:
            unit = data.get(f"{name}.unit") or durations.base(schema)
            if shape == "secret" and not data.get(name):
                name = f"{name}.mention"
            return _read_text(shape, schema, str(data[name]), unit) if name in data else None


def _read_row(item: Schema, root: Schema, data: QueryDict, name: str, key: str) -> dict[str, Any]:
    return {} if key == rows.NEW else _read_members(item, root, data, f"{name}.{key}")


def _read_text(shape: str, schema: Schema, typed: str, unit: str) -> Any:
    text = typed if shape in {"secret", "area"} else typed.strip()
    if not text:
        clears = (
            shape not in {"secret", *CHOICES} and schema.get("type") == "string" and schema.get("default")
        )
        return "" if clears else None
    if shape == "number":
        return _number(text)
    if shape == "duration":
        return durations.joined(text, unit, durations.base(schema))
    if shape in CHOICES:
        return next((one for one in schema.get("enum", ()) if str(one) == text), text)
    return _json(text) if shape == "json" else text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _number(text: str) -> int | float | str:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text
