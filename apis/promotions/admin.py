"""Promotions and imports in Django's admin, to look at."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from apis.promotions.models import Compared, Counterpart, Mapped, Promotion, Upload
from console.read_only_admin import ReadOnly

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(Counterpart)
class CounterpartAdmin(ReadOnly, ModelAdmin):
    list_display = ("origin", "copy", "at")
    list_select_related = ("origin__asset", "copy__asset", "copy__environment")


@admin.register(Mapped)
class MappedAdmin(ReadOnly, ModelAdmin):
    list_display = ("kind", "was", "becomes", "source", "target")
    list_filter = ("kind",)
    list_select_related = ("source", "target")


@admin.register(Promotion)
class PromotionAdmin(ReadOnly, ModelAdmin):
    list_display = ("told", "api", "by", "at", "taken_back_at")
    list_select_related = ("api__asset", "by")
    exclude = ("before", "left")


@admin.register(Upload)
class UploadAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "environment", "by", "state", "created_at")
    list_select_related = ("environment", "by")
    exclude = ("text", "apis")


@admin.register(Compared)
class ComparedAdmin(ReadOnly, ModelAdmin):
    list_display = ("api", "changes", "told_at")
    list_select_related = ("api__asset",)
