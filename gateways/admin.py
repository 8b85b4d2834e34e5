"""Gateways and what their replicas said, in the Django admin. Keys and token hashes are never shown."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from console.read_only_admin import ReadOnly
from gateways.models import (
    Ack,
    Book,
    ConsoleKey,
    Deployment,
    Gateway,
    RegistrationToken,
    Replica,
    ResourceStatus,
    SeenToken,
)


class ToLookAt(ReadOnly, admin.ModelAdmin):
    """For what gateways report and what changes only by the product's own rules."""

    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}


@admin.register(Gateway)
class GatewayAdmin(ToLookAt):
    list_display = ["name", "environment", "platform", "status", "generation", "is_revoked", "updated_at"]
    list_filter = ["platform", "is_revoked", "environment"]
    search_fields = ["name", "id"]
    list_select_related = ["environment"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("replicas")


@admin.register(RegistrationToken)
class RegistrationTokenAdmin(ToLookAt):
    list_display = [
        "gateway_name",
        "environment",
        "platform",
        "created_by",
        "expires_at",
        "used_at",
        "gateway",
    ]
    list_filter = ["platform", "environment"]
    search_fields = ["gateway_name"]
    list_select_related = ["environment", "created_by", "gateway"]
    exclude = ["token_hash"]


@admin.register(Replica)
class ReplicaAdmin(ToLookAt):
    list_display = [
        "name",
        "gateway",
        "is_live",
        "version",
        "envoy_version",
        "generation",
        "last_heartbeat_at",
    ]
    list_filter = ["version", "envoy_version", "has_stream"]
    search_fields = ["name", "id", "gateway__name"]
    list_select_related = ["gateway"]

    @admin.display(boolean=True, description="connected")
    def is_live(self, replica: Replica) -> bool:
        return replica.is_connected


@admin.register(Book)
class BookAdmin(ToLookAt):
    list_display = ["gateway", "generation", "built_generation", "pushed_generation"]
    search_fields = ["gateway__name"]
    list_select_related = ["gateway"]


@admin.register(Deployment)
class DeploymentAdmin(ToLookAt):
    list_display = ["gateway", "generation", "resources_count", "created_at"]
    list_filter = ["gateway"]
    search_fields = ["gateway__name", "digest"]
    list_select_related = ["gateway"]
    date_hierarchy = "created_at"


@admin.register(Ack)
class AckAdmin(ToLookAt):
    list_display = ["deployment", "replica", "applied", "reason", "duration_ms", "at"]
    list_filter = ["applied"]
    search_fields = ["replica__name", "reason"]
    list_select_related = ["deployment__gateway", "replica"]
    date_hierarchy = "at"


@admin.register(ResourceStatus)
class ResourceStatusAdmin(ToLookAt):
    list_display = ["name", "replica", "state", "reason", "generation", "running_generation", "since"]
    list_filter = ["state"]
    search_fields = ["name", "replica__name", "reason"]
    list_select_related = ["replica"]


@admin.register(SeenToken)
class SeenTokenAdmin(ToLookAt):
    list_display = ["jti", "expires_at"]
    search_fields = ["jti"]


@admin.register(ConsoleKey)
class ConsoleKeyAdmin(ToLookAt):
    list_display = ["__str__", "created_at"]
    search_fields = ["public_key"]
    exclude = ["private_key"]
