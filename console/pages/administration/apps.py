"""Connected apps: credentials for tools that use the REST interface."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from console import change
from console.models import ConnectedApp
from console.pages.administration.access import administered, attempt
from console.pages.administration.forms import AppForm
from console.scope import Request


def apps(request: Request) -> HttpResponse:
    found = ConnectedApp.objects.filter(organization__in=administered(request))
    return render(
        request, "console/administration/apps.html", {"apps": found.select_related("organization", "owner")}
    )


def add(request: Request) -> HttpResponse:
    """The secret is shown in the answer to the form and never again."""
    form = AppForm(administered(request), request.POST or None)
    if form.is_valid():
        facts = form.cleaned_data
        made = attempt(
            form, lambda: change.create_connected_app(request.user, facts["organization"], facts["name"])
        )
        if made:
            return _secret(request, *made)
    context = {"form": form, "title": "Create connected app", "action": "Create connected app"}
    status = 422 if form.errors else 200
    return render(request, "console/administration/small_form.html", context, status=status)


@require_POST
def renew(request: Request, pk: str) -> HttpResponse:
    app = _app(request, pk)
    return _secret(request, app, change.renew_secret(request.user, app))


@require_POST
def delete(request: Request, pk: str) -> HttpResponse:
    app = _app(request, pk)
    change.delete_connected_app(request.user, app)
    messages.success(request, f"The connected app {app.name} was deleted; its tokens no longer work.")
    return redirect("connected_apps")


def _app(request: Request, pk: str) -> ConnectedApp:
    found = ConnectedApp.objects.filter(organization__in=administered(request))
    return get_object_or_404(found.select_related("organization"), pk=pk)


def _secret(request: Request, app: ConnectedApp, secret: str) -> HttpResponse:
    return render(request, "console/administration/app_secret.html", {"app": app, "secret": secret})
