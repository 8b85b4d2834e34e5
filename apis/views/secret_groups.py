"""Secret groups: the list, one with its TLS contexts, and its form."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST
from pydantic import BaseModel, Field

from apis.changes import secret_groups as change
from apis.secret_groups.models import SecretGroup
from apis.secret_groups.permission import may_manage
from apis.views.access import (
    environment_of,
    messages_of,
    secret_group_of,
    secret_group_to_change,
)
from console import audit
from console.forms import schema_data, schema_form
from console.listing import asked, listing
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed

HISTORY_SHOWN = 20


class SecretGroupForm(BaseModel):
    name: str = Field(
        "",
        title="Name",
        description="Policies name a shared secret by its group and its own name: ${secret:group/name}.",
        max_length=120,
        json_schema_extra={"needed": True},
    )
    downloadable: bool = Field(
        False,
        title="Certificates may be downloaded",
        description="Those of its keystores and truststores, by who may manage secrets. Keys never.",
    )
    sent_to: list[str] = Field(
        [],
        title="Hosts",
        description="Policies may send its shared secrets to these alone: ldap.example.com, or "
        "*.example.com for all below it, by any scheme and port; ldaps://ldap.example.com or "
        "ldap.example.com:636 for these alone. None: wherever a policy sends them.",
    )


SCHEMA = SecretGroupForm.model_json_schema()


def index(request: Request) -> HttpResponse:
    environment = environment_of(request, Permission.VIEW_SECRETS)
    found = environment.secret_groups.filter(name__icontains=asked(request))
    found = found.annotate(
        secret_count=Count("secrets", distinct=True), context_count=Count("tls_contexts", distinct=True)
    ).order_by("name")
    shown = listing(request, "secret-groups", "secret group", found, searches="name")
    context = {"manages": may_manage(request.user, environment)}
    return shown.answer(request, "apis/secret_group_list.html", "apis/_secret_groups.html", context)


def detail(request: Request, pk: UUID) -> HttpResponse:
    group = secret_group_of(request, pk)
    page = {
        "group": group,
        "secrets": group.secrets.without_content().select_related("group")[:100],
        "contexts": group.tls_contexts.all()[:100],
        "manages": may_manage(request.user, group.environment),
        "entries": audit.history(group)[:HISTORY_SHOWN],
    }
    return render(request, "apis/secret_group_detail.html", page)


def add(request: Request) -> HttpResponse:
    environment = environment_of(request, Permission.MANAGE_SECRETS)
    values, errors = schema_data.read(SCHEMA, request.POST, prefix=""), {}
    if request.method == "POST":
        try:
            made = change.create_group(request.user, environment, **_told(values))
        except ValidationError as error:
            errors = messages_of(error)
        else:
            messages.success(request, f"Made secret group {made}.")
            return redirect(made)
    return _form(request, None, values, errors)


def edit(request: Request, pk: UUID) -> HttpResponse:
    group = secret_group_to_change(request, pk)
    values: dict[str, Any] = SecretGroupForm.model_validate(group, from_attributes=True).model_dump()
    errors: dict[str, list[str]] = {}
    if request.method == "POST":
        values = schema_data.read(SCHEMA, request.POST, prefix="")
        try:
            change.edit_group(request.user, group, **_told(values), seen=request.POST.get("seen", ""))
        except ValidationError as error:
            errors = messages_of(error)
        except Changed:
            errors = {"name": ["Somebody changed the group meanwhile; look at it, and save again."]}
        else:
            messages.success(request, f"Saved secret group {group}.")
            return redirect(group)
        group.refresh_from_db()
    return _form(request, group, values, errors)


@require_POST
def delete(request: Request, pk: UUID) -> HttpResponse:
    group = secret_group_to_change(request, pk)
    try:
        change.delete_group(request.user, group)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect(group)
    messages.success(request, f"Deleted secret group {group}, with what was in it.")
    return redirect("secret_groups")


def _told(values: dict[str, Any]) -> dict[str, Any]:
    """What a form says, whatever it leaves out."""
    return {
        "name": values.get("name", ""),
        "downloadable": bool(values.get("downloadable")),
        "sent_to": values.get("sent_to", []),
    }


def _form(
    request: Request, group: SecretGroup | None, values: dict[str, Any], errors: dict[str, list[str]]
) -> HttpResponse:
    context = {
        "group": group,
        "fields": schema_form.fields(SCHEMA, values, errors, prefix=""),
        "errors": errors,
        "seen": change.version_of(group) if group else "",
    }
    return render(request, "apis/secret_group_form.html", context, status=422 if errors else 200)
