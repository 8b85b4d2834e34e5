"""Invitations in Django's admin: to be looked at and deleted. They are made where their link is shown."""

from typing import Any

from django.contrib import admin

from console.audited_admin import AuditedAdmin
from console.invitations.models import Invitation


@admin.register(Invitation)
class InvitationAdmin(AuditedAdmin):
    list_display = ("__str__", "organization", "environment", "role", "inviter", "expires_at", "accepted_at")
    list_filter = ("organization",)
    list_select_related = ("organization", "environment", "inviter")
    search_fields = ("email", "organization__name")

    def has_add_permission(self, *_: Any) -> bool:
        return False

    def has_change_permission(self, *_: Any) -> bool:
        return False
