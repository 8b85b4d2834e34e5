"""The settings of an upstream over REST: fields beside its `uri`, named as those of a Service in files."""

from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers as s
from rest_framework.fields import SkipField

from apis.models import Upstream
from apis.rules import upstream_settings
from console.forms.schema import Schema, resolve
from console.rest.fields import made
from console.rest.reading import Answer
from gateways.protocol.upstream_settings import UpstreamSettings

FIELDS = tuple(info.alias or name for name, info in UpstreamSettings.model_fields.items())
_SCHEMA = UpstreamSettings.model_json_schema()
_PLAIN = ("type", "enum", "minimum", "maximum", "maxLength", "maxItems", "default")


def _schema_of(part: Schema) -> dict[str, Any]:
    """What OpenAPI has words for, without references."""
    is_nullable = any(one.get("type") == "null" for one in part.get("anyOf", ()))
    whole = resolve(part, _SCHEMA)
    found = {key: whole[key] for key in _PLAIN if key in whole and whole[key] is not None}
    if is_nullable:
        found["nullable"] = True
    if "properties" in whole:
        found["properties"] = {key: _schema_of(one) for key, one in whole["properties"].items()}
        found["additionalProperties"] = False
    if "items" in whole:
        found["items"] = _schema_of(whole["items"])
    return found


def _kind(name: str, *, is_whole: bool) -> type[s.JSONField]:
    """Told whole once; elsewhere by its name, since each body that has upstreams has all of them."""
    part = _SCHEMA["properties"][name]
    about = ": ".join(part[key] for key in ("title", "description") if part.get(key))
    schema = {**_schema_of(part), "description": about, "nullable": True}
    if not is_whole:
        items = {"items": {"type": "object"}} if schema["type"] == "array" else {}
        schema = {"type": schema["type"], "nullable": True, **items}
    kind: type[s.JSONField] = type("SettingField", (s.JSONField,), {})
    return extend_schema_field(schema)(kind)


_KINDS = {name: _kind(name, is_whole=False) for name in FIELDS}
_WHOLE_KINDS = {name: _kind(name, is_whole=True) for name in FIELDS}


class SettingsBody(s.Serializer[Any]):
    """What is named is whole; null is as it comes."""

    kinds = _KINDS

    def get_fields(self) -> Any:
        own = {name: kind(required=False, allow_null=True) for name, kind in self.kinds.items()}
        return {**super().get_fields(), **own}


class WholeSettingsBody(SettingsBody):
    kinds = _WHOLE_KINDS


class SettingsShape(Answer):
    """An answer has those that are not as they come."""

    @staticmethod
    def of(row: Any) -> Upstream:
        found: Upstream = row
        return found

    def get_fields(self) -> Any:
        own = {name: made(kind, _value(name, self.of), required=False) for name, kind in _KINDS.items()}
        return {**super().get_fields(), **own}


def _value(name: str, of: Callable[[Any], Upstream]) -> Callable[[Any], Any]:
    def value(row: Any) -> Any:
        settings = of(row).settings
        if name not in settings:
            raise SkipField
        return settings[name]

    return value


def read(body: Mapping[str, Any], row: Upstream | None, before: str) -> UpstreamSettings:
    """What the body says of it, over what the row has. Raises ValidationError by `BEFORE.settings.<path>`."""
    told = {name: body[name] for name in FIELDS if name in body}
    whole = {**(row.settings if row else {}), **told}
    settings, found = upstream_settings.read({key: one for key, one in whole.items() if one is not None})
    if found:
        prefix = f"{before}." if before else ""
        raise ValidationError({f"{prefix}settings.{path}": texts for path, texts in found.items()})
    return settings
