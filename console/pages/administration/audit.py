"""The audit log: who changed what, when, and what it was before."""

from django.http import HttpResponse
from django.shortcuts import redirect

from apis.deployment.told import told
from console.listing import Select, asked, listing
from console.models import NOUNS, AuditEntry, Organization, Role
from console.scope import Request

PAGE_SIZE = 50
ACTIONS = [("create", "Created"), ("update", "Changed"), ("delete", "Deleted")]


def index(request: Request) -> HttpResponse:
    """Administration starts with the users for who may manage them, with the audit log for others."""
    administers = Organization.objects.where(request.user, Role.Name.ADMINISTRATOR).exists()
    return redirect("users" if administers else "audit")


def audit(request: Request) -> HttpResponse:
    visible = AuditEntry.objects.visible_to(request.user)
    types = sorted(visible.order_by().values_list("object_type", flat=True).distinct())
    kind = Select.of(request, "type", "Kind", [(one, NOUNS.get(one, one).capitalize()) for one in types])
    action = Select.of(request, "action", "Action", ACTIONS)
    found = visible.select_related("organization", "environment").search(asked(request))
    if kind.chosen:
        found = found.filter(object_type=kind.chosen)
    if action.chosen:
        found = found.filter(action=action.chosen)
    looked = "name, API, id or person"
    shown = listing(
        request, "entries", "entry", found, size=PAGE_SIZE, searches=looked, selects=(kind, action)
    )
    context = {"changes": told(shown.page.object_list)}
    return shown.answer(
        request, "console/administration/audit.html", "console/administration/_entries.html", context
    )
