"""Analytics in Django's admin: to look at, since only gateways write it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from analytics import lately, latencies, models
from console.read_only_admin import ReadOnly


class LargeTableAdmin(ReadOnly, admin.ModelAdmin):
    """Large tables: no total count, no sorting by what has no index."""

    show_full_result_count = False
    list_per_page = 50
    sortable_by = ()


class StatusClassFilter(admin.SimpleListFilter):
    """Fixed choices: asking the table which there are would read all of it."""

    title = "status class"
    parameter_name = "class"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(digit, f"{digit}xx") for digit in "2345"]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in ("2", "3", "4", "5"):
            return queryset
        lowest = int(self.value() or 0) * 100
        return queryset.filter(status__range=(lowest, lowest + 99))


@admin.register(models.TrafficWindow, models.TrafficMinute, models.TrafficHour, models.TrafficDay)
class TrafficAdmin(LargeTableAdmin):
    list_display = ("time", "api_id", "route", "method", "status", "policy", "requests", "replica_id")
    list_filter = ("time", StatusClassFilter)
    search_fields = ("=api__id", "route")
    ordering = ("-time",)
    date_hierarchy = "time"


@admin.register(models.ResourceWindow, models.ResourceMinute, models.ResourceHour, models.ResourceDay)
class ResourceAdmin(LargeTableAdmin):
    list_display = ("time", "api_id", "method", "resource", "requests", "client_errors", "server_errors")
    list_filter = ("time",)
    search_fields = ("=api__id", "resource")
    ordering = ("-time",)
    date_hierarchy = "time"


@admin.register(models.EnvironmentMinute, models.EnvironmentHour, models.EnvironmentDay)
class EnvironmentTrafficAdmin(LargeTableAdmin):
    list_display = ("time", "environment_id", "status", "policy", "requests")
    list_filter = ("time", StatusClassFilter)
    ordering = ("-time",)
    date_hierarchy = "time"


@admin.register(models.ApiMinute, models.ApiHour, models.ApiDay)
class ApiCountAdmin(LargeTableAdmin):
    list_display = ("time", "api_id", "requests", "errors")
    list_filter = ("time",)
    search_fields = ("=api__id",)
    ordering = ("-time",)
    date_hierarchy = "time"


@admin.register(latencies.LatencyMinute, latencies.LatencyHour, latencies.LatencyDay)
class ApiLatencyAdmin(LargeTableAdmin):
    list_display = ("time", "api_id", "total")
    list_filter = ("time",)
    search_fields = ("=api__id",)
    ordering = ("-time",)
    date_hierarchy = "time"


@admin.register(models.ConditionWindow, models.ConditionMinute, models.ConditionHour, models.ConditionDay)
class ConditionCountAdmin(LargeTableAdmin):
    list_display = ("time", "api_id", "binding_id", "automated_id", "requests", "would_refuse")
    list_filter = ("time",)
    search_fields = ("=api__id",)
    ordering = ("-time",)
    date_hierarchy = "time"


@admin.register(models.Sample)
class SampleAdmin(LargeTableAdmin):
    list_display = (
        "time",
        "api_id",
        "method",
        "path",
        "status",
        "policy",
        "failure",
        "total_us",
        "remote_address",
    )
    list_filter = ("time", StatusClassFilter)
    search_fields = ("=api__id", "path", "remote_address")
    date_hierarchy = "time"


@admin.register(models.LogOffset)
class LogOffsetAdmin(LargeTableAdmin):
    list_display = ("replica_id", "file", "committed", "shed", "updated_at")
    list_filter = ("gateway",)
    search_fields = ("replica_id", "file")


@admin.register(lately.ApiLately)
class LatelyAdmin(LargeTableAdmin):
    list_display = ("grain", "until", "api_id", "requests", "errors")
    search_fields = ("=api__id",)


@admin.register(models.Stale)
class StaleAdmin(LargeTableAdmin):
    list_display = ("grain", "time")
    list_filter = ("grain",)
