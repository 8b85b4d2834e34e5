"""Sessions in Django's admin, to look at: they end on a user's page. Keys and contents are on no page."""

from django.contrib import admin
from django.http import HttpRequest

from console.read_only_admin import ReadOnly
from console.sessions.models import LoginSession


@admin.register(LoginSession)
class LoginSessionAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("browser", "user", "address", "began_at", "last_used_at", "expire_date")
    list_display_links = None
    list_select_related = ("user",)
    search_fields = ("user__username", "address")

    def has_view_permission(self, request: HttpRequest, obj: LoginSession | None = None) -> bool:
        """Of the list alone: the address of one would hold its key."""
        return obj is None and super().has_view_permission(request)
