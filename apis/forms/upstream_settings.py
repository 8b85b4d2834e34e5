"""An upstream's settings as a part of a form: a list of one, or of none where all is as it comes."""

from collections.abc import Mapping, Sequence
from typing import Any

from apis.rules import upstream_settings
from console.forms.schema import Schema, resolve
from gateways.protocol.upstream_settings import UpstreamSettings

Errors = dict[str, list[str]]
KEY = "settings"
SCHEMA = UpstreamSettings.model_json_schema()


def rows_of(settings: UpstreamSettings) -> list[dict[str, Any]]:
    return [] if settings.is_usual else [settings.told]


def tidied(rows: Any) -> list[dict[str, Any]]:
    """What was posted, without what is as it comes, and without fields that the form does not show then."""
    given = rows if isinstance(rows, Sequence) else []
    return [_tidied(row, SCHEMA) for row in given[:1] if isinstance(row, Mapping)]


def read(rows: Any, name: str, errors: Errors) -> UpstreamSettings:
    """What is wrong is added to the errors by the names that rules use: `NAME.settings.hosts.0.address`."""
    (row,) = tidied(rows) or [{}]
    settings, found = upstream_settings.read(row)
    errors.update(
        {f"{name}.{KEY}.{path}" if path else f"{name}.{KEY}": texts for path, texts in found.items()}
    )
    return settings


def _tidied(row: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    parts = {key: resolve(part, SCHEMA) for key, part in schema["properties"].items()}
    found: dict[str, Any] = {}
    for key, value in row.items():
        part = parts.get(key, {})
        if not _is_shown(part, row, parts):
            continue
        kept = _tidied(value, part) if isinstance(value, Mapping) and "properties" in part else value
        if kept not in (part.get("default"), {}):
            found[key] = kept
    return found


def _is_shown(part: Schema, row: Mapping[str, Any], parts: Mapping[str, Schema]) -> bool:
    when: Mapping[str, Sequence[Any]] = part.get("when", {})
    return all(row.get(key, parts[key].get("default")) in values for key, values in when.items())
