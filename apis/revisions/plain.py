"""Rows as JSON and back: what is kept of them, so that they can be had again under the ids that they had."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, Upstream
from apis.revision import Saved

M = TypeVar("M", bound=models.Model)
Row = dict[str, Any]
"""A row's values as JSON, by their columns."""
PARTS: tuple[type[models.Model], ...] = (Upstream, Route, RouteUpstream, PolicyBinding)
"""What belongs to an API and gateways are told of, each after what it refers to."""


def of_api(api: ApiInstance) -> Saved:
    """The API's own row and its parts; they are read where they were not prefetched."""
    routes = list(api.routes.all())
    targets = [target for route in routes for target in route.targets.all()]
    parts: dict[type[models.Model], Iterable[models.Model]] = {
        ApiInstance: [api],
        Upstream: api.upstreams.all(),
        Route: routes,
        RouteUpstream: sorted(targets, key=lambda one: one.pk),
        PolicyBinding: api.policies.all(),
    }
    return {kind(model): [plain(row) for row in found] for model, found in parts.items()}


def kind(model: type[models.Model]) -> str:
    return str(model._meta.model_name)


def plain(row: models.Model) -> Row:
    values = {field.attname: field.value_from_object(row) for field in row._meta.concrete_fields}
    return {name: _as_json(value) for name, value in values.items()}


def row_of(model: type[M], saved: Row) -> M:
    """What the release that kept it did not know has its default; what this one does not know is left out."""
    known = {field.attname: field for field in model._meta.concrete_fields}
    row = model()
    for name, value in saved.items():
        if name in known:
            setattr(row, name, _value(known[name], value))
    return row


def _as_json(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, list):
        return [_as_json(one) for one in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _value(field: "models.Field[Any, Any]", saved: Any) -> Any:
    """An array field takes a list for what it is, without a look at its items."""
    if isinstance(field, ArrayField) and isinstance(saved, list):
        return [field.base_field.to_python(one) for one in saved]
    return field.to_python(saved)
