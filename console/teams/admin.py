"""Teams in Django's admin."""

from django.contrib import admin

from console.audited_admin import AuditedAdmin
from console.teams.models import Membership, Team


@admin.register(Team)
class TeamAdmin(AuditedAdmin):
    list_display = ("name", "organization", "created_at")
    list_filter = ("organization",)
    list_select_related = ("organization",)
    search_fields = ("name", "organization__name")
    autocomplete_fields = ("organization",)
    readonly_fields = ("created_at", "updated_at")


@admin.register(Membership)
class MembershipAdmin(AuditedAdmin):
    list_display = ("user", "team", "is_from_login", "created_at")
    list_filter = ("is_from_login", "team")
    list_select_related = ("user", "team")
    search_fields = ("user__username", "team__name")
    autocomplete_fields = ("user", "team")
    readonly_fields = ("created_at",)
