"""How long audit entries are kept, in Django's admin, to look at."""

from django.contrib import admin
from django.http import HttpRequest

from console.audit_log.models import Retention


@admin.register(Retention)
class RetentionAdmin(admin.ModelAdmin):
    list_display = ("organization", "days", "effective_from")
    list_select_related = ("organization",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Retention | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Retention | None = None) -> bool:
        return False
