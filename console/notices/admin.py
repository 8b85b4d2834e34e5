"""Notices in Django's admin, to look at. Addresses of destinations are on no page."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from console.notices.models import Delivery, Destination, MailServer, Notice, Preference

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class ToLookAt(ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Notice)
class NoticeAdmin(ToLookAt):
    list_display = ("at", "user", "kind", "subject", "read_at")
    list_filter = ("kind",)
    list_select_related = ("user",)
    search_fields = ("subject", "user__username")


@admin.register(Preference)
class PreferenceAdmin(ToLookAt):
    list_display = ("user", "kind", "inbox", "mail")
    list_filter = ("kind",)
    list_select_related = ("user",)


@admin.register(MailServer)
class MailServerAdmin(ToLookAt):
    list_display = ("host", "port", "security", "sender")


@admin.register(Destination)
class DestinationAdmin(ToLookAt):
    list_display = ("name", "type", "organization", "environment", "created_at")
    list_filter = ("type", "organization")
    list_select_related = ("organization", "environment")
    search_fields = ("name",)


@admin.register(Delivery)
class DeliveryAdmin(ToLookAt):
    list_display = ("created_at", "way", "subject", "state", "attempts", "next_at")
    list_filter = ("way", "state", "kind")
    list_select_related = ("destination",)
    search_fields = ("subject", "address")
