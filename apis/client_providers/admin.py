"""Client providers in Django's admin: to be looked at. What changes them checks, and tells gateways."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from apis.client_providers.models import Chosen, ClientProvider
from console.read_only_admin import ReadOnly

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(ClientProvider)
class ClientProviderAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "organization", "discovery_url", "introspection_url", "created_at")
    list_filter = ("organization",)
    list_select_related = ("organization",)
    search_fields = ("name",)
    exclude = ("client_secret",)


@admin.register(Chosen)
class ChosenAdmin(ReadOnly, ModelAdmin):
    list_display = ("environment", "provider", "truststore")
    list_filter = ("provider",)
    list_select_related = ("environment", "provider", "truststore")
