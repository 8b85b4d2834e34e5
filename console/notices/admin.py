"""Notices in Django's admin, to look at. Addresses of destinations are on no page."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from console.notices.models import Delivery, Destination, MailServer, Notice, Preference
from console.read_only_admin import ReadOnly

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(Notice)
class NoticeAdmin(ReadOnly, ModelAdmin):
    list_display = ("at", "user", "kind", "subject", "read_at")
    list_filter = ("kind",)
    list_select_related = ("user",)
    search_fields = ("subject", "user__username")


@admin.register(Preference)
class PreferenceAdmin(ReadOnly, ModelAdmin):
    list_display = ("user", "kind", "inbox", "mail")
    list_filter = ("kind",)
    list_select_related = ("user",)


@admin.register(MailServer)
class MailServerAdmin(ReadOnly, ModelAdmin):
    list_display = ("host", "port", "security", "sender")


@admin.register(Destination)
class DestinationAdmin(ReadOnly, ModelAdmin):
    list_display = ("name", "type", "organization", "environment", "created_at")
    list_filter = ("type", "organization")
    list_select_related = ("organization", "environment")
    search_fields = ("name",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, ModelAdmin):
    list_display = ("created_at", "way", "subject", "state", "attempts", "next_at")
    list_filter = ("way", "state", "kind")
    list_select_related = ("destination",)
    search_fields = ("subject", "address")
