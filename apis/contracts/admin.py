"""Contracts in Django's admin, to look at: a change here would reach no gateway."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from apis.contracts.models import Application, ClientSecret, Contract, HiddenApi, Tier
from apis.contracts.terms import Terms
from console.read_only_admin import ReadOnly

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(Application)
class ApplicationAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "organization", "client_id", "created_at", "expires_at")
    list_filter = ("organization",)
    list_select_related = ("organization",)
    search_fields = ("name", "client_id")
    filter_horizontal = ("owners", "teams")


@admin.register(ClientSecret)
class ClientSecretAdmin(ReadOnly, ModelAdmin):
    list_display = ("application", "hint", "created_at", "expires_at")
    list_select_related = ("application",)
    exclude = ("digest",)


@admin.register(Tier)
class TierAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "api", "status", "approves_by_itself")
    list_select_related = ("api__asset",)
    search_fields = ("name",)


@admin.register(Contract)
class ContractAdmin(ReadOnly, ModelAdmin):
    list_display = ("application", "api", "status", "tier", "created_at", "expires_at")
    list_filter = ("status",)
    list_select_related = ("application", "api__asset", "tier")
    search_fields = ("application__name", "application__client_id")


@admin.register(Terms)
class TermsAdmin(ReadOnly, ModelAdmin):
    list_display = ("version", "environment", "api", "created_by", "created_at")
    list_select_related = ("environment", "api__asset", "created_by")
    search_fields = ("environment__name", "api__asset__name")


@admin.register(HiddenApi)
class HiddenApiAdmin(ReadOnly, ModelAdmin):
    list_display = ("api", "created_at")
    list_select_related = ("api__asset",)
    search_fields = ("api__asset__name",)
