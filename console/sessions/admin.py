"""Sessions in Django's admin, to look at: they end on a user's page. Keys and contents are on no page."""

from django.contrib import admin
from django.http import HttpRequest

from console.sessions.models import LoginSession


@admin.register(LoginSession)
class LoginSessionAdmin(admin.ModelAdmin):
    list_display = ("browser", "user", "address", "began_at", "last_used_at", "expire_date")
    list_display_links = None
    list_select_related = ("user",)
    search_fields = ("user__username", "address")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LoginSession | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LoginSession | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: LoginSession | None = None) -> bool:
        """Of the list alone: the address of one would hold its key."""
        return obj is None and super().has_view_permission(request)
