"""Connected apps: credentials for tools that use the REST interface."""

from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from console import accounts, app_access, audit, once
from console.listing import asked, listing
from console.models import ConnectedApp
from console.pages.administration.access import administered, attempt
from console.pages.administration.forms import AppAccessForm, AppForm
from console.scope import Request
from console.versions import Changed

SOON = timedelta(days=14)
"""Before its end, an app is marked."""


def apps(request: Request) -> HttpResponse:
    found = ConnectedApp.objects.filter(organization__in=administered(request))
    if query := asked(request):
        found = found.filter(Q(name__icontains=query) | Q(client_id__icontains=query))
    found = found.select_related("organization", "owner").prefetch_related("environments__organization")
    shown = listing(request, "connected-apps", "connected app", found, searches="name or client id")
    context = {"soon": timezone.now() + SOON}
    return shown.answer(
        request, "console/administration/apps.html", "console/administration/_apps.html", context
    )


def add(request: Request) -> HttpResponse:
    """The secret is shown in the answer to the form and never again."""
    form = AppForm(administered(request), request.user, request.POST or None)
    if form.is_valid():
        facts = form.cleaned_data
        create = partial(accounts.create_connected_app, request.user, facts["organization"], facts["name"])
        if made := attempt(form, lambda: create(form.access(), once.of(request))):
            return _secret(request, *made)
    return _form(request, form, "Create connected app", "Create connected app")


def access(request: Request, pk: str) -> HttpResponse:
    """What an app may do, changed without a new secret."""
    app = _app(request, pk)
    below = administered(request).filter(path__startswith=app.organization.path)
    form = AppAccessForm(below, app.owner, request.POST or None, initial=_shown(app))
    seen = request.POST.get("seen") or app_access.app_version(app)
    try:
        if form.is_valid() and attempt(form, lambda: _changed(request, app, form.access(), seen)):
            messages.success(request, f"{app.name} may do from now on what you chose.")
            return redirect("connected_apps")
    except Changed:
        app.refresh_from_db()
        form.add_error(None, f"{_told(app)} Save again to overwrite it with what you chose here.")
        seen = app_access.app_version(app)
    return _form(request, form, f"Access of {app.name}", "Save access", seen)


@require_POST
def renew(request: Request, pk: str) -> HttpResponse:
    app = _app(request, pk)
    return _secret(request, app, accounts.renew_secret(request.user, app))


@require_POST
def delete(request: Request, pk: str) -> HttpResponse:
    app = _app(request, pk)
    accounts.delete_connected_app(request.user, app)
    messages.success(request, f"The connected app {app.name} was deleted; its tokens no longer work.")
    return redirect("connected_apps")


def _changed(request: Request, app: ConnectedApp, access: app_access.AppAccess, seen: str) -> bool:
    accounts.change_app_access(request.user, app, access, seen=seen)
    return True


def _told(app: ConnectedApp) -> str:
    """What another person saved meanwhile."""
    entry = audit.history(app).first()
    who = f"{entry.actor_name} changed this" if entry else "This was changed"
    facts = [f"{name} {value}" for name, value in app_access.access_facts(app).items()]
    return f"{who} after you opened it; saved now: {', '.join(facts)}."


def _shown(app: ConnectedApp) -> dict[str, Any]:
    """The form's fields as they are now."""
    return {
        "role": app.role,
        "scopes": app.scopes,
        "where": AppAccessForm.EVERYWHERE if app.in_every_environment else AppAccessForm.CHOSEN,
        "environments": list(app.environments.all()),
        "expires": AppAccessForm.ON_A_DATE if app.expires_at else AppAccessForm.NEVER,
        "expires_at": app.expires_at.date() if app.expires_at else None,
    }


def _form(request: Request, form: AppAccessForm, title: str, action: str, seen: str = "") -> HttpResponse:
    context = {"form": form, "title": title, "action": action, "seen": seen}
    status = 422 if form.errors else 200
    return render(request, "console/administration/app_form.html", context, status=status)


def _app(request: Request, pk: str) -> ConnectedApp:
    found = ConnectedApp.objects.filter(organization__in=administered(request))
    return get_object_or_404(found.select_related("organization", "owner"), pk=pk)


def _secret(request: Request, app: ConnectedApp, secret: str) -> HttpResponse:
    return render(request, "console/administration/app_secret.html", {"app": app, "secret": secret})
