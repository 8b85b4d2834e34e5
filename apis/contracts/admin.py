"""Contracts in Django's admin, to look at: a change here would reach no gateway."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from apis.contracts.models import Application, ClientSecret, Contract, Tier

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


@admin.register(Application)
class ApplicationAdmin(ToLookAt):
    list_display = ("name", "organization", "client_id", "created_at", "expires_at")
    list_filter = ("organization",)
    list_select_related = ("organization",)
    search_fields = ("name", "client_id")
    filter_horizontal = ("owners",)


@admin.register(ClientSecret)
class ClientSecretAdmin(ToLookAt):
    list_display = ("application", "hint", "created_at", "expires_at")
    list_select_related = ("application",)
    exclude = ("digest",)


@admin.register(Tier)
class TierAdmin(ToLookAt):
    list_display = ("name", "api", "status", "approves_by_itself")
    list_select_related = ("api__asset",)
    search_fields = ("name",)


@admin.register(Contract)
class ContractAdmin(ToLookAt):
    list_display = ("application", "api", "status", "tier", "created_at", "expires_at")
    list_filter = ("status",)
    list_select_related = ("application", "api__asset", "tier")
    search_fields = ("application__name", "application__client_id")
