"""Secret groups in Django's admin: to be looked at. What changes them checks, and tells gateways."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from apis.secret_groups.acme import AcmeSource
from apis.secret_groups.authority import Authority, Issued
from apis.secret_groups.models import Secret, SecretGroup
from console.read_only_admin import ReadOnly

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(SecretGroup)
class SecretGroupAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "environment", "downloadable", "created_at")
    list_filter = ("environment",)
    list_select_related = ("environment",)
    search_fields = ("name",)


@admin.register(Secret)
class SecretAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "kind", "type", "group", "expires_at", "updated_at")
    list_filter = ("kind", "group__environment")
    list_select_related = ("group",)
    search_fields = ("name",)
    exclude = ("content",)


@admin.register(Authority)
class AuthorityAdmin(ReadOnly, ModelAdmin):
    list_display = ("__str__", "state", "expires_at", "created_at")
    list_filter = ("environment", "state")
    list_select_related = ("environment",)
    exclude = ("key",)


@admin.register(Issued)
class IssuedAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "authority", "keystore", "days", "expires_at", "created_at")
    list_filter = ("authority__environment",)
    list_select_related = ("authority__environment", "keystore")
    search_fields = ("name",)


@admin.register(AcmeSource)
class AcmeSourceAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "environment", "directory", "state", "next_try_at")
    list_filter = ("environment", "state")
    list_select_related = ("environment",)
    exclude = ("account", "eab_key", "challenges")
