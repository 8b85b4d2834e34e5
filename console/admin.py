"""Django's admin for the console's own rows. Secrets and their hashes are on no page of it."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest

from console import role_places
from console.audited_admin import AuditedAdmin
from console.models import AccessToken, AuditEntry, ConnectedApp, Environment, Organization, Role, User
from console.read_only_admin import ReadOnly
from console.tokens.models import PersonalToken
from console.versioned_form import VersionedForm

admin.site.site_header = "Gatewright"
admin.site.site_title = "Gatewright"
admin.site.site_url = None  # templates/admin/base_site.html links to the console by name
admin.site.index_title = "Every row"
admin.site.unregister(Group)  # roles say who may do what; groups say nothing


class RoleForm(VersionedForm):
    """A role of one organization reaches nothing of another."""

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        parts = ("organization", "environment", "api", "custom", "team")
        kept = {name: given.get(name) for name in parts if name in self.fields}
        row = Role(**{name: getattr(self.instance, name, None) for name in parts} | kept)
        if kept.get("organization") and (fault := role_places.fault_of(row)):
            self.add_error(None, fault)
        return given


class RoleInline(admin.TabularInline):
    model = Role
    form = RoleForm
    extra = 0
    fields = ["organization", "environment", "name", "custom"]
    autocomplete_fields = ["organization", "environment", "custom"]


class UserForm(VersionedForm, UserChangeForm):
    pass


@admin.register(User)
class ConsoleUserAdmin(AuditedAdmin, UserAdmin):
    """The password's hash is left out; the user's page in Administration gives a new password."""

    fieldsets = (
        (None, {"fields": ("username", "email", "first_name", "last_name", "seen")}),
        ("May", {"fields": ("is_active", "is_staff", "is_superuser", "must_change_password")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    form = UserForm
    list_display = ("username", "email", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser", "roles__name", "roles__organization")
    readonly_fields = ("last_login", "date_joined")
    inlines = (RoleInline,)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return self.inlines if obj else ()


class EnvironmentInline(admin.TabularInline):
    model = Environment
    extra = 0


@admin.register(Organization)
class OrganizationAdmin(AuditedAdmin):
    list_display = ("name", "parent", "created_at")
    list_filter = ("created_at",)
    list_select_related = ("parent",)
    search_fields = ("name", "id")
    autocomplete_fields = ("parent",)
    readonly_fields = ("id", "path", "created_at")
    inlines = (EnvironmentInline,)


@admin.register(Environment)
class EnvironmentAdmin(AuditedAdmin):
    list_display = ("name", "organization", "type", "created_at")
    list_filter = ("type", "organization")
    list_select_related = ("organization",)
    search_fields = ("name", "id", "organization__name")
    autocomplete_fields = ("organization",)
    readonly_fields = ("id", "created_at")


@admin.register(Role)
class RoleAdmin(AuditedAdmin):
    form = RoleForm
    list_display = ("holder", "title", "organization", "environment", "api")
    list_filter = ("name", "organization")
    list_select_related = ("user", "team", "custom", "organization", "environment", "api__asset")
    search_fields = ("user__username", "team__name", "organization__name", "environment__name")
    autocomplete_fields = ("user", "team", "organization", "environment", "custom")
    raw_id_fields = ("api",)


@admin.register(ConnectedApp)
class ConnectedAppAdmin(AuditedAdmin):
    """Made under Administration, where the secret can be shown once, and its environments chosen."""

    list_display = ("name", "client_id", "organization", "owner", "role", "expires_at", "created_at")
    list_filter = ("organization", "role", "expires_at")
    list_select_related = ("organization", "owner")
    search_fields = ("name", "client_id", "owner__username")
    readonly_fields = ("client_id", "environments", "last_used_at", "created_at")
    autocomplete_fields = ("organization", "owner")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(AccessToken)
class AccessTokenAdmin(AuditedAdmin):
    """Deleting one ends that session of the REST interface."""

    list_display = ("id", "user", "connected_app", "created_at", "expires_at", "is_live")
    list_filter = ("expires_at", "connected_app")
    list_select_related = ("user", "connected_app")
    search_fields = ("user__username", "connected_app__name")
    fields = readonly_fields = ("user", "connected_app", "created_at", "expires_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(boolean=True)
    def is_live(self, token: AccessToken) -> bool:
        return token.is_live


@admin.register(PersonalToken)
class PersonalTokenAdmin(ReadOnly, admin.ModelAdmin):
    """To look at: they are revoked under Administration, where their users are told."""

    list_display = ("name", "user", "environment", "created_at", "expires_at", "last_used_at", "ended_at")
    list_select_related = ("user", "environment")
    search_fields = ("name", "user__username")
    exclude = ("token_hash",)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, admin.ModelAdmin):
    """To read only: what happened does not change."""

    list_display = ("at", "actor_name", "action", "object_type", "object_name", "organization", "environment")
    list_filter = ("action", "object_type", "organization", "at")
    list_select_related = ("organization", "environment")
    search_fields = ("object_name", "object_id", "actor_name")
    date_hierarchy = "at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        return super().get_queryset(request).select_related("actor")
