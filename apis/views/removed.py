"""What was deleted lately, and how it comes back: APIs of the environment, policies of one API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apis.changes import own_roles, policies, removal
from apis.models import ApiInstance
from apis.removed import Removed
from apis.rules.listeners import with_slash
from apis.views.access import api_of, environment_of, messages_of
from console import scope
from console.forms.schema_form import Field
from console.listing import asked, listing
from console.models import AuditEntry
from console.numbers import number
from console.permissions import Permission
from console.scope import Request
from console.words import words

Errors = dict[str, list[str]]


@dataclass(frozen=True)
class DeletedApiRow:
    """A deleted API, with what the audit says of where it was: empty where that is not known."""

    removed: Removed
    address: str
    gateway: str


def index(request: Request) -> HttpResponse:
    environment = environment_of(request, Permission.VIEW_APIS)
    found = Removed.objects.there().defer("saved").filter(environment=environment, kind=Removed.Kind.API)
    for word in words(asked(request)):
        found = found.filter(Q(name__icontains=word) | Q(by__username__icontains=word))
    shown = listing(
        request, "deleted", "deleted API", found.select_related("by"), searches="name, instance or person"
    )
    context = {"rows": _rows(list(shown.page)), "days": settings.REMOVED_KEEP_DAYS}
    return shown.answer(request, "apis/deleted_list.html", "apis/_deleted.html", context)


def restore(request: Request, removed: int) -> HttpResponse:
    """One press brings it back as it was; where that cannot be, a page asks where else it shall listen."""
    rows = Removed.objects.there().select_related("environment__organization", "by")
    seen = rows.visible_to(request.user) | rows.filter(by=request.user)
    kept = get_object_or_404(seen, pk=removed, kind=Removed.Kind.API)
    may = own_roles.may_restore(request.user, kept)
    if Permission.VIEW_APIS not in may:
        raise Http404("Nothing of this number can be restored.")
    if Permission.MANAGE_APIS not in may:
        raise scope.lacking(Permission.MANAGE_APIS)
    scope.enter(request, kept.environment)
    if request.method != "POST":
        return _asked(request, kept, {})
    base_path, port = with_slash(request.POST.get("base_path", "")), request.POST.get("port", "").strip()
    if port and (number(port) is None or port.startswith("0")):
        return _asked(request, kept, {"port": [f'"{port[:20]}" is not a port; write a number.']})
    try:
        api = removal.restore_api(
            request.user, kept, base_path=base_path, port=int(port[:6]) if port else None
        )
    except ValidationError as error:
        return _asked(request, kept, messages_of(error))
    messages.success(request, f"{api} is back{_where(api)}.")
    return redirect(api)


@require_POST
def restore_policy(request: Request, pk: int, removed: int) -> HttpResponse:
    api = api_of(request, pk, Permission.MANAGE_POLICIES)
    kept = get_object_or_404(Removed, pk=removed, kind=Removed.Kind.POLICY, api_id=api.pk)
    try:
        binding = policies.restore_policy(request.user, api, kept)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"{binding.title} is back in its place.")
    return redirect("api_policies", api.pk)


def _where(api: ApiInstance) -> str:
    if api.is_deployed:
        return f", and goes to {api.gateway}"
    return "" if api.gateway else "; its gateway is gone, so choose one and deploy it"


def _rows(found: Sequence[Removed]) -> list[DeletedApiRow]:
    """In one more query, however many they are."""
    ids = {str(one.api_id) for one in found}
    deleted = AuditEntry.objects.filter(
        object_type="apiinstance", object_id__in=ids, action=AuditEntry.Action.DELETE
    )
    last = {entry.object_id: entry.diff for entry in deleted.order_by("pk")}
    return [
        DeletedApiRow(
            one, _before(last.get(str(one.api_id)), "address"), _before(last.get(str(one.api_id)), "gateway")
        )
        for one in found
    ]


def _before(diff: dict[str, Any] | None, name: str) -> str:
    return str((diff or {}).get(name, [""])[0] or "")


def _asked(request: Request, kept: Removed, errors: Errors) -> HttpResponse:
    """Where it shall listen instead; what was typed stands there again."""
    [row] = _rows([kept])
    saved = kept.saved["apiinstance"][0]
    values = {name: request.POST.get(name) or str(saved[name]) for name in ("base_path", "port")}
    shown = [
        Field(kind, name, label, is_required=True, value=values[name], errors=tuple(errors.get(name, ())))
        for kind, name, label in (("text", "base_path", "Base path"), ("number", "port", "Port"))
    ]
    others = [text for name, texts in errors.items() if name not in values for text in texts]
    context = {"row": row, "fields": shown, "errors": errors, "general": others}
    return render(request, "apis/api_restore.html", context, status=409 if errors else 200)
