"""Add gateway: a name and a platform, then the commands with a one-time token, then waiting for it."""

import os
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from console import once
from console.permissions import Permission
from console.scope import Request
from gateways import change, commands
from gateways.forms import AddGatewayForm
from gateways.models import Gateway, RegistrationToken
from gateways.views import state
from gateways.views.access import environment_of


def add(request: Request) -> HttpResponse:
    """The form. Posted, the token is shown in this answer and nowhere again: it is stored hashed."""
    environment = environment_of(request, Permission.MANAGE_GATEWAYS)
    form = AddGatewayForm(request.POST or None)
    if not form.is_valid():
        return _ask(request, form)
    try:
        token, text = change.issue_token(
            request.user,
            environment,
            form.cleaned_data["name"],
            form.cleaned_data["platform"],
            once.of(request),
        )
    except ValidationError as error:
        form.add_error(None, error)
        return _ask(request, form)
    context = {"token": token, "instructions": commands.instructions(token, text, _console_url(request))}
    return render(request, "gateways/gateway_commands.html", context | _progress(token))


def name(request: Request) -> HttpResponse:
    """What is to be said of a name while it is typed."""
    environment = environment_of(request, Permission.MANAGE_GATEWAYS)
    about = AddGatewayForm.base_fields["name"].help_text
    text, faults = request.GET.get("name", "").strip(), []
    try:
        change.check_name(environment, text)
    except ValidationError as error:
        faults = error.messages if text else []
    context = {"typed": text, "faults": faults, "about": about}
    return render(request, "gateways/_name_check.html", context)


def token(request: Request, pk: UUID) -> HttpResponse:
    """How far the registration with this token has come; for htmx, the panel that waits for it."""
    rows = RegistrationToken.objects.visible_to(request.user)
    found = get_object_or_404(rows.select_related("environment__organization", "gateway"), pk=pk)
    context = {"token": found, **_progress(found)}
    template = "_registration" if request.htmx else "gateway_token"
    return render(request, f"gateways/{template}.html", context)


def _ask(request: Request, form: AddGatewayForm) -> HttpResponse:
    status = 422 if form.errors else 200
    return render(request, "gateways/gateway_add.html", {"form": form}, status=status)


def _progress(token: RegistrationToken) -> dict[str, object]:
    """The gateway once it is registered, and whether there is nothing more to wait for."""
    found = Gateway.objects.with_figures()
    gateway = found.get(pk=token.gateway_id) if token.gateway_id else None
    is_connected = bool(gateway and gateway.live_count)  # type: ignore[attr-defined]
    return {
        "gateway": gateway,
        "state": state.of_gateway(gateway) if gateway else None,
        "is_connected": is_connected,
        "is_done": is_connected or token.is_expired or bool(token.used_at and not gateway),
    }


def _console_url(request: Request) -> str:
    """The address a gateway should use: the one set, else the one this browser uses."""
    if os.environ.get("GATEWRIGHT_CONSOLE_URL"):
        return str(settings.CONSOLE_URL)
    return request.build_absolute_uri("/").rstrip("/")
