"""Custom roles: what an organization's own roles permit."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from console import audit
from console.listing import asked, listing
from console.pages.administration.access import administered, attempt, attempt_or_say
from console.pages.administration.forms import CustomRoleForm, NewCustomRoleForm
from console.permissions import ABOUT, BUILT_IN, Permission
from console.roles import changes
from console.roles.models import CustomRole
from console.scope import Request
from console.versions import Changed

NAMED = ("administrator", "manager", "viewer")


def roles(request: Request) -> HttpResponse:
    found = CustomRole.objects.filter(organization__in=administered(request)).select_related("organization")
    if query := asked(request):
        found = found.filter(name__icontains=query)
    shown = listing(request, "roles", "custom role", found, searches="name")
    rows = [(one, ABOUT[one], [name for name in NAMED if one in BUILT_IN[name]]) for one in Permission]
    context = {"permissions": rows}
    page, part = "console/administration/roles.html", "console/administration/_roles.html"
    return shown.answer(request, page, part, context)


def add(request: Request) -> HttpResponse:
    form = NewCustomRoleForm(administered(request), request.POST or None)
    if form.is_valid():
        facts = form.cleaned_data
        given = (facts["organization"], facts["name"], facts["permissions"], facts["description"])
        if made := attempt(form, lambda: changes.make(request.user, *given)):
            messages.success(request, f"The role {made} can be given now.")
            return redirect("custom_roles")
    context = {"form": form, "title": "New role", "action": "Save role"}
    status = 422 if form.errors else 200
    return render(request, "console/administration/role_form.html", context, status=status)


def role(request: Request, pk: int) -> HttpResponse:
    found = _role(request, pk)
    seen = request.POST.get("seen") or changes.seen_version(found)
    form = CustomRoleForm(request.POST or None, initial=found.facts() | {"seen": seen})
    if form.is_valid():
        facts = form.cleaned_data
        given = (found, facts["name"], facts["permissions"], facts["description"])
        try:
            attempt(form, lambda: changes.change(request.user, *given, seen=seen))
        except Changed:
            found.refresh_from_db()
            form = CustomRoleForm(
                request.POST.dict()
                | {"permissions": facts["permissions"]}
                | {"seen": changes.seen_version(found)}
            )
            form.add_error(None, "Somebody changed this after you opened it. Save again to overwrite it.")
        if not form.errors:
            messages.success(request, f"Saved {found}; it holds for everybody who was given it.")
            return redirect("custom_roles")
        found.refresh_from_db()
    context = {"form": form, "title": f"Edit {found}", "action": "Save role", "role": found}
    context |= {"given": found.given.count(), "entries": audit.history(found)[:20]}
    status = 422 if form.errors else 200
    return render(request, "console/administration/role_form.html", context, status=status)


@require_POST
def delete(request: Request, pk: int) -> HttpResponse:
    found = _role(request, pk)
    if attempt_or_say(request, lambda: changes.delete(request.user, found)):
        messages.success(request, f"The role {found.name} was deleted.")
        return redirect("custom_roles")
    return redirect("custom_role", pk)


def _role(request: Request, pk: int) -> CustomRole:
    found = CustomRole.objects.filter(organization__in=administered(request)).select_related("organization")
    return get_object_or_404(found, pk=pk)
