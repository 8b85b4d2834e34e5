"""Rows of apps above that belong to an API, such as its alerts: they go with it and come back with it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import models

from apis.models import ApiInstance

Of = Callable[[ApiInstance], Iterable[models.Model]]
"""Those of an API that are to be kept."""

_parts: dict[type[models.Model], Of] = {}


def add(model: type[models.Model], of: Of) -> None:
    """Called when the app is ready, for what refers to others after them."""
    _parts[model] = of


def parts() -> Mapping[type[models.Model], Of]:
    return _parts


def mended(row: models.Model) -> models.Model | None:
    """Without what it referred to and may do without, where that is there no more.

    None where it needs what is gone, or what another row has now.
    """
    for field in row._meta.concrete_fields:
        if not isinstance(field, models.ForeignKey) or (key := getattr(row, field.attname)) is None:
            continue
        target: Any = field.remote_field.model
        if not target.objects.filter(pk=key).exists():
            if not field.null:
                return None
            setattr(row, field.attname, None)
        elif field.unique and type(row)._default_manager.filter(**{field.attname: key}).exists():
            return None
    return row
