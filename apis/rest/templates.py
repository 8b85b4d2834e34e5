"""The catalog's policies as clients of Anypoint read them: as templates with their parameters."""

from typing import Any

import yaml
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from console.forms.schema import Schema, of_model, resolve
from console.rest.errors import body
from policies import catalog
from policies.policy import CATALOG_GROUP, Policy

Shape = dict[str, Any]


def template(entry: Policy[Any]) -> Shape:
    schema = of_model(entry.config)
    return {
        "id": entry.name,
        "groupId": CATALOG_GROUP,
        "assetId": entry.name,
        "version": entry.version,
        "name": entry.title,
        "category": str(entry.category),
        "description": entry.summary,
        "type": "system",
        "isOOTB": True,
        "resourceLevelSupported": entry.has_conditions,
        "injectionPoint": "outbound" if entry.is_outbound else "inbound",
        "documentation": catalog.readme(entry),
        "configuration": _parameters(schema, schema),
    }


def _parameters(schema: Schema, root: Schema) -> list[Shape]:
    needed = schema.get("required", ())
    return [
        _parameter(name, resolve(part, root), name in needed, root)
        for name, part in schema.get("properties", {}).items()
    ]


def _parameter(name: str, part: Schema, is_needed: bool, root: Schema) -> Shape:
    """For a list, `type`, `options` and `configuration` are those of one entry."""
    is_list = part.get("type") == "array"
    one = resolve(part.get("items", {}), root) if is_list else part
    return {
        "propertyName": name,
        "name": part.get("title", name),
        "description": part.get("description", ""),
        "type": one.get("type", "object"),
        "optional": not is_needed,
        "sensitive": bool(one.get("writeOnly")),
        "allowMultiple": is_list,
        "defaultValue": part.get("default"),
        "options": [{"name": str(value), "value": value} for value in one.get("enum", ())],
        "configuration": _parameters(one, root),
    }


@login_not_required
@require_safe
def policy_definition(request: HttpRequest, name: str, version: str) -> HttpResponse:
    """What clients download without a login to describe a policy, as YAML."""
    try:
        entry = catalog.find(name)
    except catalog.UnknownPolicy as error:
        return JsonResponse(body(404, [("", str(error), "not_found")]), status=404)
    if version != entry.version:
        message = f"{entry.name} has no version {version}; it has {entry.version}."
        return JsonResponse(body(404, [("", message, "not_found")]), status=404)
    told = template(entry)
    kept = {key: told[key] for key in ("id", "name", "category", "description", "configuration")}
    # Not in the spelling of JSON: the client's own downloader would read that before its YAML reader does.
    text = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)
    return HttpResponse(text, content_type="application/yaml")
