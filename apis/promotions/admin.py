"""Promotions and imports in Django's admin, to look at."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from apis.promotions.models import Counterpart, Mapped, Promotion, Upload

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class ToLookAt(ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Counterpart)
class CounterpartAdmin(ToLookAt):
    list_display = ("origin", "copy", "at")
    list_select_related = ("origin__asset", "copy__asset", "copy__environment")


@admin.register(Mapped)
class MappedAdmin(ToLookAt):
    list_display = ("kind", "was", "becomes", "source", "target")
    list_filter = ("kind",)
    list_select_related = ("source", "target")


@admin.register(Promotion)
class PromotionAdmin(ToLookAt):
    list_display = ("told", "api", "by", "at", "taken_back_at")
    list_select_related = ("api__asset", "by")
    exclude = ("before", "left")


@admin.register(Upload)
class UploadAdmin(ToLookAt):
    list_display = ("name", "environment", "by", "state", "created_at")
    list_select_related = ("environment", "by")
    exclude = ("text", "apis")
