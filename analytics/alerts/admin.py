"""Alerts in Django's admin, to look at: they are changed on their pages, where they are checked."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from analytics.alerts.models import Alert, Incident, Round
from console.read_only_admin import ReadOnly

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class UncountedAdmin(ReadOnly, ModelAdmin):
    show_full_result_count = False


@admin.register(Alert)
class AlertAdmin(UncountedAdmin):
    list_display = ("name", "type", "severity", "about", "state", "is_enabled", "environment")
    list_filter = ("type", "severity", "state", "is_enabled")
    list_select_related = ("environment__organization",)
    search_fields = ("name",)


@admin.register(Incident)
class IncidentAdmin(UncountedAdmin):
    list_display = ("alert", "name", "since", "raised_at", "resolved_at", "value")
    list_select_related = ("alert",)
    ordering = ("-since",)


@admin.register(Round)
class RoundAdmin(UncountedAdmin):
    list_display = ("until", "alerts", "took_ms")
