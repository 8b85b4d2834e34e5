"""How long audit entries are kept, in Django's admin, to look at."""

from django.contrib import admin

from console.audit_log.models import Retention
from console.read_only_admin import ReadOnly


@admin.register(Retention)
class RetentionAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("organization", "days", "effective_from")
    list_select_related = ("organization",)
