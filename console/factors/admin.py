"""Second factors in Django's admin, to look at: they are reset on a user's page. No secret is shown."""

from django.contrib import admin
from django.http import HttpRequest

from console.factors.models import LoginRule, Passkey, SecondFactor


class LookedAt(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        return False


@admin.register(SecondFactor)
class SecondFactorAdmin(LookedAt):
    list_display = ("user", "totp_since", "failures", "failed_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = ("user", "totp_since", "failures", "failed_at")


@admin.register(Passkey)
class PasskeyAdmin(LookedAt):
    list_display = ("name", "user", "host", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    fields = ("name", "user", "host", "created_at", "last_used_at")


@admin.register(LoginRule)
class LoginRuleAdmin(LookedAt):
    list_display = ("organization", "needs_second_factor")
    list_select_related = ("organization",)
    search_fields = ("organization__name",)
