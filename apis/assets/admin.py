"""Assets in Django's admin."""

from django.contrib import admin

from apis.assets.models import Asset
from console.audited_admin import AuditedAdmin


@admin.register(Asset)
class AssetAdmin(AuditedAdmin):
    list_display = ("name", "asset_id", "version", "api_version", "type", "organization", "created_at")
    list_filter = ("type", "organization")
    list_select_related = ("organization",)
    search_fields = ("name", "asset_id")
    readonly_fields = ("specification",)
