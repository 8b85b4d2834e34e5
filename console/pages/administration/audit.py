"""The audit log: who changed what, when, and what it was before."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apis import history
from console.models import NOUNS, AuditEntry, Organization, Role
from console.scope import Request

PAGE_SIZE = 50


def index(request: Request) -> HttpResponse:
    """Administration starts with the users for who may manage them, with the audit log for others."""
    administers = Organization.objects.where(request.user, Role.Name.ADMINISTRATOR).exists()
    return redirect("users" if administers else "audit")


def audit(request: Request) -> HttpResponse:
    visible = AuditEntry.objects.visible_to(request.user)
    types = sorted(visible.order_by().values_list("object_type", flat=True).distinct())
    query = request.GET.get("q", "").strip()
    kind, action = request.GET.get("type", ""), request.GET.get("action", "")
    found = visible.select_related("organization", "environment")
    found = found.search(query)
    if kind:
        found = found.filter(object_type=kind)
    if action:
        found = found.filter(action=action)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "changes": history.told(page.object_list),
        "query_text": query,
        "kind": kind,
        "action": action,
        "kinds": [(name, NOUNS.get(name, name)) for name in types],
        "actions": [("create", "Created"), ("update", "Changed"), ("delete", "Deleted")],
    }
    return render(request, "console/administration/audit.html", context)
