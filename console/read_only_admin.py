"""Rows that Django's admin shows and does not change."""

from django.db import models
from django.http import HttpRequest


class ReadOnly:
    """Can be looked at, not changed. For a ModelAdmin, or the rows inside one."""

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False
