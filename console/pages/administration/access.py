"""What the signed-in person administers, and how a rule's refusal becomes a form error."""

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.shortcuts import get_object_or_404

from console.models import Organization, OrganizationQuerySet
from console.permissions import Permission
from console.scope import Request

M = TypeVar("M", bound=models.Model)
T = TypeVar("T")


def administered(request: Request) -> OrganizationQuerySet:
    """The organizations one administers. 403 for who administers none."""
    found = Organization.objects.where(request.user, Permission.ADMINISTER_ORGANIZATION)
    if not found.exists():
        raise PermissionDenied("Only administrators of an organization may open this page.")
    return found


def administered_organization(request: Request, pk: object) -> Organization:
    """404 for one that is not visible, 403 for one that is and is another's to administer."""
    organization = get_object_or_404(Organization.objects.visible_to(request.user), pk=pk)
    if not administered(request).filter(pk=organization.pk).exists():
        raise PermissionDenied(f"Only an administrator of {organization} may do this.")
    return organization


def administered_row(request: Request, rows: models.QuerySet[M], pk: object) -> M:
    """One of these rows, each of an organization; 404 and 403 as for its organization."""
    visible = Organization.objects.visible_to(request.user)
    found: Any = get_object_or_404(
        rows.select_related("organization").filter(organization__in=visible), pk=pk
    )
    administered_organization(request, found.organization_id)
    return found


def attempt(form: forms.BaseForm, change: Callable[[], T]) -> T | None:
    """The change's result; None, with the errors on the form's fields, when a rule refuses it."""
    try:
        return change()
    except ValidationError as error:
        for name, errors in _by_field(error).items():
            form.add_error(name if name in form.fields else None, errors)
        return None


def attempt_or_say(request: Request, change: Callable[[], object]) -> bool:
    """Whether the change was made; a refusal becomes a message."""
    try:
        change()
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return False
    return True


def _by_field(error: ValidationError) -> dict[str, list[str]]:
    return error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
