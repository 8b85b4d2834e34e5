"""Automated policies and policy sets in Django's admin, to look at: a change here would reach no gateway."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from apis.automated.models import AutomatedPolicy, PolicySet
from console.read_only_admin import ReadOnly

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(AutomatedPolicy)
class AutomatedPolicyAdmin(ReadOnly, ModelAdmin):
    list_display = ("policy", "label", "environment", "order", "mode", "is_disabled", "conflicts")
    list_filter = ("policy", "environment")
    list_select_related = ("environment__organization",)
    search_fields = ("policy", "label")
    exclude = ("secrets",)


@admin.register(PolicySet)
class PolicySetAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "environment")
    list_filter = ("environment",)
    list_select_related = ("environment__organization",)
    search_fields = ("name",)
