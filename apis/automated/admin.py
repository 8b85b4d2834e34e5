"""Automated policies and policy sets in Django's admin, to look at: a change here would reach no gateway."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from apis.automated.models import AutomatedPolicy, PolicySet

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class LookedAt(ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AutomatedPolicy)
class AutomatedPolicyAdmin(LookedAt):
    list_display = ("policy", "label", "environment", "order", "mode", "is_disabled", "conflicts")
    list_filter = ("policy", "environment")
    list_select_related = ("environment__organization",)
    search_fields = ("policy", "label")
    exclude = ("secrets",)


@admin.register(PolicySet)
class PolicySetAdmin(LookedAt):
    list_display = ("name", "environment")
    list_filter = ("environment",)
    list_select_related = ("environment__organization",)
    search_fields = ("name",)
