"""Identity providers in Django's admin. Secrets are on no page; they change under Administration."""

from django.contrib import admin
from django.http import HttpRequest

from console.audited_admin import AuditedAdmin
from console.providers.models import (
    GroupRole,
    GroupTeam,
    Identity,
    IdentityProvider,
    ProvidedMembership,
    ProvidedRole,
)


class LookedAt(AuditedAdmin):
    """Their rules are those of `console.providers.changes`: here they are looked at, or deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        return False


@admin.register(IdentityProvider)
class IdentityProviderAdmin(LookedAt):
    list_display = ("name", "organization", "discovery_url", "is_enabled", "created_at")
    list_filter = ("is_enabled", "organization")
    list_select_related = ("organization",)
    search_fields = ("name", "discovery_url", "organization__name")
    exclude = ("client_secret",)


@admin.register(GroupRole)
class GroupRoleAdmin(LookedAt):
    list_display = ("group", "provider", "organization", "environment", "role")
    list_select_related = ("provider", "organization", "environment")
    search_fields = ("group", "provider__name")


@admin.register(GroupTeam)
class GroupTeamAdmin(LookedAt):
    list_display = ("group", "provider", "team")
    list_select_related = ("provider", "team")
    search_fields = ("group", "provider__name", "team__name")


@admin.register(Identity)
class IdentityAdmin(LookedAt):
    list_display = ("user", "provider", "subject", "email", "last_login_at")
    list_select_related = ("user", "provider")
    search_fields = ("user__username", "subject", "email", "provider__name")


@admin.register(ProvidedRole)
class ProvidedRoleAdmin(LookedAt):
    list_display = ("role", "identity")
    list_select_related = (
        "role__user",
        "role__organization",
        "role__environment",
        "identity__provider",
        "identity__user",
    )
    search_fields = ("role__user__username", "identity__provider__name")


@admin.register(ProvidedMembership)
class ProvidedMembershipAdmin(LookedAt):
    list_display = ("membership", "identity")
    list_select_related = (
        "membership__user",
        "membership__team",
        "identity__provider",
        "identity__user",
    )
    search_fields = ("membership__user__username", "membership__team__name", "identity__provider__name")
