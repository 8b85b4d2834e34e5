"""Lets what is changed in the Django admin into the audit log, as every other change."""

from typing import Any

from django.contrib import admin
from django.db import IntegrityError, models, transaction
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse

from console.audit import record
from console.fields import EncryptedJSONField
from console.models import AuditEntry, Environment, Organization, Role, User
from console.versioned_form import VersionedForm

HIDDEN = {"password", "secret_hash", "token_hash", "public_key", "last_login"}
Action = AuditEntry.Action


class AuditedAdmin(admin.ModelAdmin):
    """Writes an entry for each row saved or deleted, in the same transaction; rows of inlines too.

    Who saves a row that another changed meanwhile is told so first.
    """

    form = VersionedForm

    def get_fieldsets(self, request: HttpRequest, obj: models.Model | None = None) -> Any:
        """Leave out what was seen for who may only look: they overwrite nothing."""
        found = super().get_fieldsets(request, obj)
        if obj is not None and self.has_change_permission(request, obj):
            return found
        return [(title, {**one, "fields": [f for f in one["fields"] if f != "seen"]}) for title, one in found]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """Check again where another transaction took a name after the check: the form then says so."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:
            return super().changeform_view(request, object_id, form_url, extra_context)

    def save_model(self, request: HttpRequest, obj: models.Model, form: ModelForm, change: bool) -> None:
        before = _stored(obj) if change else {}
        super().save_model(request, obj, form, change)
        _record(request, Action.UPDATE if change else Action.CREATE, obj, before, _facts(obj))

    def save_formset(self, request: HttpRequest, form: ModelForm, formset: Any, change: bool) -> None:
        rows = [row.instance for row in formset.initial_forms]
        before = {row.pk: _stored(row) for row in rows}
        for row in formset.deleted_forms:
            _record(request, Action.DELETE, row.instance, before[row.instance.pk], {})
        super().save_formset(request, form, formset, change)
        for row, _ in formset.changed_objects:
            _record(request, Action.UPDATE, row, before[row.pk], _facts(row))
        for row in formset.new_objects:
            _record(request, Action.CREATE, row, {}, _facts(row))

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        _record(request, Action.DELETE, obj, _facts(obj), {})
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        for obj in queryset:
            _record(request, Action.DELETE, obj, _facts(obj), {})
        super().delete_queryset(request, queryset)


def _record(
    request: HttpRequest, action: AuditEntry.Action, obj: models.Model, before: Any, after: Any
) -> None:
    organization, environment = _place(obj, action)
    if organization is not None:
        actor = request.user if isinstance(request.user, User) else None
        record(
            actor, action, obj, organization=organization, environment=environment, before=before, after=after
        )


def _place(obj: models.Model, action: AuditEntry.Action) -> tuple[Organization | None, Environment | None]:
    """Where the entry belongs: of a deleted organization, to its parent."""
    is_gone = action == Action.DELETE
    if isinstance(obj, Organization):
        return (obj.parent if is_gone else obj), None
    if isinstance(obj, Environment):
        return obj.organization, None if is_gone else obj
    environment = getattr(obj, "environment", None)
    organization = getattr(obj, "organization", None) or getattr(environment, "organization", None)
    return organization or _of_user(getattr(obj, "user", obj)), environment


def _of_user(user: models.Model) -> Organization | None:
    """A user belongs to where the first role is; one without any, to the oldest organization."""
    role = Role.objects.of(user).order_by("pk").first() if isinstance(user, User) else None
    return role.organization if role else Organization.objects.order_by("created_at").first()


def _stored(obj: models.Model) -> dict[str, Any]:
    row = type(obj)._default_manager.filter(pk=obj.pk).first()
    return _facts(row) if row else {}


def _facts(obj: models.Model) -> dict[str, Any]:
    return {
        field.name: field.value_to_string(obj)
        for field in obj._meta.concrete_fields
        if field.editable and field.name not in HIDDEN and not isinstance(field, EncryptedJSONField)
    }
