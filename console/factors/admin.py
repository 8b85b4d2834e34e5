"""Second factors in Django's admin, to look at: they are reset on a user's page. No secret is shown."""

from django.contrib import admin

from console.factors.models import LoginRule, Passkey, SecondFactor
from console.read_only_admin import ReadOnly


@admin.register(SecondFactor)
class SecondFactorAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("user", "totp_since", "failures", "failed_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = ("user", "totp_since", "failures", "failed_at")


@admin.register(Passkey)
class PasskeyAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("name", "user", "host", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    fields = ("name", "user", "host", "created_at", "last_used_at")


@admin.register(LoginRule)
class LoginRuleAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("organization", "needs_second_factor")
    list_select_related = ("organization",)
    search_fields = ("organization__name",)
