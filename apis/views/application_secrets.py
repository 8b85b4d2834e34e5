"""An application's secret is reset: asked with a choice of how long the old one works on, then shown once."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apis.changes import applications as change
from apis.contracts.models import Application
from apis.forms.application import ClientSecretForm
from apis.views.access import messages_of, posted
from apis.views.application_access import application_to_change, own_application
from console import once
from console.scope import Request

MANAGED, OWN = "apis/application_base.html", "apis/consumer_base.html"
"""The page around it: of who manages applications, of who owns one."""


def reset(request: Request, pk: int) -> HttpResponse:
    return _reset(request, application_to_change(request, pk), MANAGED)


def reset_own(request: Request, pk: int) -> HttpResponse:
    return _reset(request, own_application(request, pk), OWN)


@require_POST
def end_old(request: Request, pk: int) -> HttpResponse:
    return _end_old(request, application_to_change(request, pk), "application")


@require_POST
def end_own_old(request: Request, pk: int) -> HttpResponse:
    return _end_old(request, own_application(request, pk), "consumer_application")


def _reset(request: Request, application: Application, base: str) -> HttpResponse:
    """The same form sent twice resets once, and shows the same secret to both tabs."""
    form = ClientSecretForm(posted(request))
    if form.is_valid():
        try:
            secret = change.reset_secret(
                request.user, application, overlap=form.length, sending=once.of(request)
            )
        except ValidationError as error:
            form.add_error(None, [text for texts in messages_of(error).values() for text in texts])
        else:
            context = {
                "application": application,
                "secret": secret,
                "base": base,
                "old": application.secrets.live()[1:2].first(),
            }
            return shown_once(request, context)
    context = {
        "form": form,
        "application": application,
        "base": base,
        "secrets": application.secrets.live(),
        "contracts": application.contracts.in_force().count(),
    }
    return render(request, "apis/application_secret.html", context, status=422 if form.errors else 200)


def shown_once(request: Request, context: dict[str, Any]) -> HttpResponse:
    """A page with a secret, which no cache keeps: a browser's way back asks for the form again."""
    response = render(request, "apis/application_secret_shown.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _end_old(request: Request, application: Application, page: str) -> HttpResponse:
    change.end_old_secret(request.user, application)
    messages.success(request, f"Only the newest secret of {application} works from now on.")
    return redirect(page, application.pk)
