"""The routes of an API as a form: fields from desired routes, and desired routes from what was posted."""

import re
from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from apis.desired import DesiredRoute, DesiredUpstream
from apis.forms import upstream_settings
from apis.models import TlsContext
from apis.rules.instances import METHODS
from console.lines import LABEL_IS_NONE, is_line
from gateways.protocol.upstream_settings import UpstreamSettings

Errors = dict[str, list[str]]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "CONNECT"]
NOT_HERE = "That TLS context is not in this environment; choose one from the list."
BASE_PATH_ONLY = (
    "Base path only, not a resource: the path of each request, "
    "without the API's own base path, is put after it."
)
TRUST = "How the gateway knows the upstream: by the CAs that its machine trusts, or by a CA of yours."

CODE: dict[str, Any] = {"needed": True, "code": True}

Contexts = Mapping[str, TlsContext]
"""The TLS contexts that an upstream may have, by id."""


class HeaderRow(BaseModel):
    name: str = Field("", title="Header", examples=["x-beta"], json_schema_extra=CODE)
    pattern: str = Field("", title="Value", examples=["yes|true"], json_schema_extra=CODE)


class UpstreamRow(BaseModel):
    uri: str = Field(
        "", title="Upstream URL", examples=["https://backend.example.com/"], json_schema_extra=CODE
    )
    label: str = Field("", title="Label", examples=["stable"])
    weight: int = Field(100, title="Weight", ge=0, le=100, json_schema_extra={"needed": True, "unit": "%"})
    tls_context: str = Field("", title="TLS context", json_schema_extra={"needed": True})
    settings: list[UpstreamSettings] = Field([], title="Advanced", json_schema_extra={"row": "advanced"})
    id: str = Field("")


class RouteRow(BaseModel):
    label: str = Field("", title="Route label", examples=["canary"])
    methods: list[Method] = Field([], title="Methods", description="None chosen means any.")
    path: str = Field(
        "",
        title="Path",
        description="A regular expression after the base path; the upstream gets its capture groups alone.",
        examples=["/v2(/.*)"],
        json_schema_extra={"code": True},
    )
    host: str = Field(
        "",
        title="Host",
        description="A regular expression.",
        examples=["eu.example.com"],
        json_schema_extra={"code": True},
    )
    headers: list[HeaderRow] = Field([], title="Headers")
    upstreams: list[UpstreamRow] = Field(
        [], title="Upstreams", min_length=1, json_schema_extra={"needed": True}
    )


class RoutesForm(BaseModel):
    """`mode` "simple" is one URL for every request; then `uri` counts, else `routes`."""

    mode: Literal["simple", "routes"] = Field(
        "simple",
        title="How requests are routed",
        json_schema_extra={
            "labels": {"simple": "One upstream", "routes": "Several routes"},
            "abouts": {
                "simple": "Every request goes to one URL",
                "routes": "By method, path, host and header, with weights",
            },
        },
    )
    uri: str = Field(
        "",
        title="Upstream URL",
        description=BASE_PATH_ONLY,
        examples=["https://backend.example.com/"],
        json_schema_extra=CODE,
    )
    uri_id: str = Field("")
    uri_tls: str = Field("", title="TLS context", description=TRUST, json_schema_extra={"needed": True})
    uri_settings: list[UpstreamSettings] = Field([], title="Advanced", json_schema_extra={"row": "advanced"})
    routes: list[RouteRow] = Field([], title="Routes", min_length=1)


SCHEMA = RoutesForm.model_json_schema()
_ONLY = "routes.0.upstreams.0"
_PLACES = {f"{_ONLY}.uri": "uri", f"{_ONLY}.tls_context": "uri_tls"}
"""Where the simple form shows what is said of the only upstream."""
_SETTINGS = r"^(.*\.settings)(?=\.|$)"
"""Rules know them without the one row that the form has for them."""


def values_of(routes: tuple[DesiredRoute, ...] | list[DesiredRoute]) -> dict[str, Any]:
    """What the form shows for these routes; a single route without rules is the simple form."""
    values: dict[str, Any] = {"mode": "routes", "routes": [_row_of(route) for route in routes]}
    if len(routes) == 1 and _is_simple(routes[0]):
        only = routes[0].upstreams[0]
        values |= {"mode": "simple", "uri": only.uri, "uri_id": str(only.id or ""), "uri_tls": _key(only)}
        values["uri_settings"] = upstream_settings.rows_of(only.settings)
    return values


def desired_routes(values: dict[str, Any], contexts: Contexts) -> tuple[list[DesiredRoute], Errors]:
    """The routes that were posted, and what in them could not be read."""
    errors: Errors = {}
    if values.get("mode", "simple") == "simple":
        row = {"uri": values.get("uri", ""), "id": values.get("uri_id", ""), "weight": 100}
        row |= {"tls_context": values.get("uri_tls", ""), "settings": values.get("uri_settings", [])}
        return [DesiredRoute(upstreams=[_upstream(row, _ONLY, contexts, errors)])], errors
    rows = enumerate(values.get("routes", []))
    return [_route(row, f"routes.{at}", contexts, errors) for at, row in rows], errors


def placed(errors: Errors, values: dict[str, Any]) -> Errors:
    """The errors, or warnings, under the names of the form that is shown."""
    errors = {re.sub(_SETTINGS, r"\1.0", name): messages for name, messages in errors.items()}
    if values.get("mode", "simple") == "routes":
        return errors
    return {_place(name): messages for name, messages in errors.items()}


def tidied(values: dict[str, Any]) -> dict[str, Any]:
    """What was posted, with the settings of upstreams as they would be kept."""
    for row in (one for route in values.get("routes", []) for one in route.get("upstreams", [])):
        row["settings"] = upstream_settings.tidied(row.get("settings"))
    return values | {"uri_settings": upstream_settings.tidied(values.get("uri_settings"))}


def _place(name: str) -> str:
    own = f"{_ONLY}.settings."
    return f"uri_settings.{name.removeprefix(own)}" if name.startswith(own) else _PLACES.get(name, name)


def _is_simple(route: DesiredRoute) -> bool:
    has_rules = route.label or route.methods or route.path or route.host or route.headers
    return not has_rules and len(route.upstreams) == 1 and not route.upstreams[0].label


def _row_of(route: DesiredRoute) -> dict[str, Any]:
    words = route.methods.split("|") if route.methods else []
    return {
        "label": route.label,
        "methods": words if set(words) <= set(METHODS) else [route.methods],
        "path": route.path,
        "host": route.host,
        "headers": [{"name": name, "pattern": pattern} for name, pattern in route.headers.items()],
        "upstreams": [
            {
                "uri": one.uri,
                "label": one.label,
                "weight": one.weight,
                "id": str(one.id or ""),
                "tls_context": _key(one),
                "settings": upstream_settings.rows_of(one.settings),
            }
            for one in route.upstreams
        ],
    }


def _key(upstream: DesiredUpstream) -> str:
    return str(upstream.tls_context.pk) if upstream.tls_context else ""


def _route(row: dict[str, Any], name: str, contexts: Contexts, errors: Errors) -> DesiredRoute:
    upstreams = [
        _upstream(part, f"{name}.upstreams.{at}", contexts, errors)
        for at, part in enumerate(row.get("upstreams", []))
    ]
    _check_label(row, name, errors)
    return DesiredRoute(
        label=row.get("label", ""),
        methods="|".join(row.get("methods", [])),
        path=row.get("path", ""),
        host=row.get("host", ""),
        headers=_headers(row.get("headers", []), f"{name}.headers", errors),
        upstreams=upstreams,
    )


def _headers(rows: list[dict[str, Any]], name: str, errors: Errors) -> dict[str, str]:
    found: dict[str, str] = {}
    for row in rows:
        header = row.get("name", "").lower()
        if header in found:
            errors[name] = [f'Header "{header}" is given twice; put both values into one expression: a|b.']
        if header or row.get("pattern"):
            found[header] = row.get("pattern", "")
    return found


def _upstream(row: dict[str, Any], name: str, contexts: Contexts, errors: Errors) -> DesiredUpstream:
    weight = row.get("weight", 0)
    if not isinstance(weight, int):
        errors[f"{name}.weight"] = [f'"{weight}" is not a whole number; write one from 0 to 100.']
        weight = 0
    key = row.get("tls_context", "")
    if key and key not in contexts:
        errors[f"{name}.tls_context"] = [NOT_HERE]
    _check_label(row, name, errors)
    return DesiredUpstream(
        uri=row.get("uri", ""),
        label=row.get("label", ""),
        weight=weight,
        id=_id(row.get("id", "")),
        tls_context=contexts.get(key),
        settings=upstream_settings.read(row.get("settings"), name, errors),
    )


def _check_label(row: dict[str, Any], name: str, errors: Errors) -> None:
    if not is_line(row.get("label", "")):
        errors[f"{name}.label"] = [LABEL_IS_NONE]


def _id(text: str) -> UUID | None:
    """An id that the form carries; one that is none counts as a new upstream."""
    try:
        return UUID(text)
    except ValueError:
        return None


def shared_out(values: dict[str, Any], added: str) -> dict[str, Any]:
    """The values with what is left of 100 as the weight of the upstream just added to the list `added`."""
    for at, row in enumerate(values.get("routes", [])):
        upstreams = row.get("upstreams")
        if upstreams and added == f"routes.{at}.upstreams":
            upstreams[-1]["weight"] = max(0, 100 - _sum(upstreams[:-1]))
    return values


def with_operations(values: dict[str, Any], chosen: list[dict[str, Any]]) -> dict[str, Any]:
    """The values with a route for each of the chosen rules, to where requests go now.

    They come before a route that takes every request, since nothing reaches what is after it.
    """
    had = values.get("routes", [])
    if values.get("mode", "simple") == "simple":
        only = {"uri": values.get("uri", ""), "id": values.get("uri_id", ""), "weight": 100}
        more = {"tls_context": values.get("uri_tls", ""), "settings": values.get("uri_settings", [])}
        had = [{"upstreams": [only | more]}]
    known = [(row.get("methods", []), row.get("path", "")) for row in had]
    at = next((at for at, row in enumerate(had) if _takes_all(row)), len(had))
    upstreams = had[min(at, len(had) - 1)].get("upstreams", []) if had else []
    added = [
        row | {"upstreams": [dict(one) for one in upstreams]}
        for row in chosen
        if (row["methods"], row["path"]) not in known
    ]
    return values | {"mode": "routes", "routes": [*had[:at], *added, *had[at:]]}


def _takes_all(row: dict[str, Any]) -> bool:
    return not (row.get("methods") or row.get("path") or row.get("host") or row.get("headers"))


def weight_sums(values: dict[str, Any]) -> dict[str, int]:
    """The sum of each route's weights by the route's name, for what can be summed. One just added has one
    upstream, with all of it.
    """
    return {
        f"routes.{at}": _sum(row.get("upstreams") or [{}]) for at, row in enumerate(values.get("routes", []))
    }


def _sum(upstreams: list[dict[str, Any]]) -> int:
    given = [one.get("weight", 100) for one in upstreams]
    return sum(weight for weight in given if isinstance(weight, int))
