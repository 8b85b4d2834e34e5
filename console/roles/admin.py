"""Custom roles in Django's admin."""

from django.contrib import admin

from console.audited_admin import AuditedAdmin
from console.roles.models import CustomRole


@admin.register(CustomRole)
class CustomRoleAdmin(AuditedAdmin):
    list_display = ("name", "organization", "created_at")
    list_filter = ("organization",)
    list_select_related = ("organization",)
    search_fields = ("name", "organization__name")
    autocomplete_fields = ("organization",)
    readonly_fields = ("created_at", "updated_at")
