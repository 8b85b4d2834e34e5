"""Columns and indexes that the tables of traffic have in common."""

from typing import Any

from django.db import models


def loose(model: type[models.Model], *, null: bool = False) -> "models.ForeignKey[Any, Any]":
    return models.ForeignKey(
        model, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+", null=null
    )


def late_label(help_text: str = "", length: int = 255) -> "models.CharField[str, str]":
    """One that came later: who writes rows without it, as a worker of the release before, writes ""."""
    return models.CharField(max_length=length, blank=True, default="", db_default="", help_text=help_text)


def indexes() -> list[models.Index]:
    """For one API's rows of a range, and for all rows of a period."""
    return [
        models.Index(fields=["api", "time"], name="%(class)s_by_api"),
        models.Index(fields=["time"], name="%(class)s_by_time"),
    ]


def of_applications(name: str) -> models.Index:
    """For one application's rows, among those of all that call an API."""
    return models.Index(fields=["application", "time"], name=name, condition=~models.Q(application=""))
