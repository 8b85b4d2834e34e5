"""API Manager's rows in Django's admin.

Rows that decide what a gateway runs are read-only here: a change past `apis.changes` would neither be
checked nor reach the gateway.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models

from apis.api_test import ApiTest, ApiTestRun
from apis.brought_to_many import BroughtToMany
from apis.bulk.models import BulkChange, Plan
from apis.change_set import ChangeSet
from apis.documents.specification import Operation, Specification
from apis.left_gateway import LeftGateway
from apis.lists.models import Pinned, SavedView
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, TlsContext, Upstream
from apis.muted_finding import MutedFinding
from apis.owners.models import ApiOwner
from apis.removed import Removed
from apis.revision import Brought, Revision
from apis.wizard_draft import WizardDraft
from console.read_only_admin import ReadOnly

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin, TabularInline = admin.ModelAdmin, admin.TabularInline


class UpstreamInline(ReadOnly, TabularInline):
    model = Upstream
    fields = ("uri", "label", "tls_context")


class RouteInline(ReadOnly, TabularInline):
    model = Route
    fields = ("position", "label", "methods", "path", "host", "headers")


class PolicyInline(ReadOnly, TabularInline):
    model = PolicyBinding
    fields = ("order", "policy", "policy_version", "label", "is_disabled")


class TargetInline(ReadOnly, TabularInline):
    model = RouteUpstream
    fields = ("upstream", "weight")


@admin.register(Specification)
class SpecificationAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "organization", "state", "title", "version", "operation_count", "created_at")
    list_filter = ("state", "organization")
    list_select_related = ("organization",)
    search_fields = ("name", "title")
    exclude = ("text",)


@admin.register(Operation)
class OperationAdmin(ReadOnly, ModelAdmin):
    list_display = ("method", "path", "summary", "specification")
    list_select_related = ("specification",)
    search_fields = ("path", "operation_id")


@admin.register(ApiInstance)
class ApiInstanceAdmin(ReadOnly, ModelAdmin):
    list_display = ("__str__", "label", "environment", "gateway", "address", "is_deployed", "is_deprecated")
    list_filter = ("is_deployed", "is_deprecated", "environment", "gateway")
    list_select_related = ("asset", "environment", "gateway")
    search_fields = ("asset__name", "asset__asset_id", "label", "base_path")
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    date_hierarchy = "created_at"
    inlines = (RouteInline, UpstreamInline, PolicyInline)


@admin.register(TlsContext)
class TlsContextAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "environment", "certificate_for", "expires_at", "requires_client_certificate")
    list_filter = ("environment", "requires_client_certificate")
    list_select_related = ("environment",)
    search_fields = ("name",)
    exclude = ("key",)
    readonly_fields = ("certificate_for", "expires_at")

    @admin.display
    def certificate_for(self, context: TlsContext) -> str:
        return ", ".join(context.facts.names) or context.facts.subject if context.facts else ""

    @admin.display
    def expires_at(self, context: TlsContext) -> datetime | None:
        return context.facts.expires_at if context.facts else None


@admin.register(Upstream)
class UpstreamAdmin(ReadOnly, ModelAdmin):
    list_display = ("uri", "label", "api", "tls_context", "created_at")
    list_filter = ("api__environment",)
    list_select_related = ("api__asset", "tls_context")
    search_fields = ("uri", "label", "api__asset__name")


@admin.register(Route)
class RouteAdmin(ReadOnly, ModelAdmin):
    list_display = ("__str__", "api", "position", "methods", "path", "host")
    list_filter = ("api__environment",)
    list_select_related = ("api__asset",)
    search_fields = ("label", "path", "host", "api__asset__name")
    inlines = (TargetInline,)


@admin.register(RouteUpstream)
class RouteUpstreamAdmin(ReadOnly, ModelAdmin):
    list_display = ("upstream", "route", "weight")
    list_filter = ("route__api__environment",)
    list_select_related = ("upstream", "route")
    search_fields = ("upstream__uri", "route__label")


@admin.register(PolicyBinding)
class PolicyBindingAdmin(ReadOnly, ModelAdmin):
    list_display = ("policy", "api", "order", "label", "is_disabled", "updated_at")
    list_filter = ("policy", "is_disabled", "api__environment")
    list_select_related = ("api__asset",)
    search_fields = ("policy", "label", "api__asset__name")
    exclude = ("secrets",)


@admin.register(WizardDraft)
class WizardDraftAdmin(ReadOnly, ModelAdmin):
    list_display = ("__str__", "user", "environment", "step", "api", "updated_at")
    list_filter = ("environment",)
    list_select_related = ("user", "environment", "api__asset")
    search_fields = ("title", "user__username")


@admin.register(Brought)
class BroughtAdmin(ReadOnly, ModelAdmin):
    list_display = ("api", "gateway", "generation", "revision", "replaced", "entry", "at")
    list_filter = ("api__environment",)
    list_select_related = ("api__asset", "gateway", "entry", "revision", "replaced")
    search_fields = ("api__asset__name", "gateway__name")


@admin.register(BroughtToMany)
class BroughtToManyAdmin(ReadOnly, ModelAdmin):
    list_display = ("__str__", "environment", "entry", "at")
    list_filter = ("environment",)
    list_select_related = ("environment__organization", "entry")


@admin.register(ChangeSet)
class ChangeSetAdmin(ReadOnly, ModelAdmin):
    list_display = ("__str__", "gateway", "actor_name", "at", "comment", "undoes")
    list_filter = ("environment",)
    list_select_related = ("gateway", "undoes")
    search_fields = ("comment", "gateway__name", "actor_name")


@admin.register(Revision)
class RevisionAdmin(ReadOnly, ModelAdmin):
    list_display = ("short_id", "api", "protocol", "port", "base_path", "resources_count")
    list_filter = ("api__environment",)
    list_select_related = ("api__asset",)
    search_fields = ("digest", "api__asset__name", "base_path")
    exclude = ("secrets",)


@admin.register(Removed)
class RemovedAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "kind", "api_id", "environment", "by", "at")
    list_filter = ("kind", "environment")
    list_select_related = ("environment", "by")
    search_fields = ("name",)
    exclude = ("saved",)


@admin.register(LeftGateway)
class LeftGatewayAdmin(ReadOnly, ModelAdmin):
    list_display = ("api", "gateway", "left_at")
    list_filter = ("api__environment",)
    list_select_related = ("api__asset", "gateway")
    search_fields = ("api__asset__name", "gateway__name")


@admin.register(ApiTest)
class ApiTestAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "api", "state", "ran_at")
    list_filter = ("state", "api__environment")
    list_select_related = ("api__asset",)
    search_fields = ("name", "api__asset__name")
    exclude = ("case", "result")


@admin.register(MutedFinding)
class MutedFindingAdmin(ReadOnly, ModelAdmin):
    list_display = ("code", "api", "reason", "by", "at")
    list_filter = ("code", "api__environment")
    list_select_related = ("api__asset", "by")
    search_fields = ("code", "reason", "api__asset__name")


@admin.register(ApiTestRun)
class ApiTestRunAdmin(ReadOnly, ModelAdmin):
    list_display = ("api", "state", "done", "total", "asked_at", "ended_at", "by")
    list_filter = ("state", "api__environment")
    list_select_related = ("api__asset", "by")
    search_fields = ("api__asset__name",)


@admin.register(ApiOwner)
class ApiOwnerAdmin(ReadOnly, ModelAdmin):
    list_display = ("__str__", "api")
    list_filter = ("api__environment",)
    list_select_related = ("user", "api__asset")
    search_fields = ("user__username", "email")


@admin.register(SavedView)
class SavedViewAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "user", "environment", "is_shared", "created_at")
    list_filter = ("is_shared", "environment")
    list_select_related = ("user", "environment")
    search_fields = ("name", "user__username")


@admin.register(Pinned)
class PinnedAdmin(ReadOnly, ModelAdmin):
    list_display = ("api", "user")
    list_select_related = ("user", "api__asset")
    search_fields = ("user__username", "api__asset__name")


@admin.register(BulkChange)
class BulkChangeAdmin(ReadOnly, ModelAdmin):
    list_display = ("__str__", "state", "by", "environment", "asked_at", "ended_at")
    list_filter = ("state", "action", "environment")
    list_select_related = ("by", "environment")
    exclude = ("values",)


@admin.register(Plan)
class PlanAdmin(ReadOnly, ModelAdmin):
    list_display = ("item", "state", "words", "made")
    list_filter = ("state",)
    list_select_related = ("item", "made__asset")
    exclude = ("given", "chosen")
