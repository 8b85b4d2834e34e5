"""The pages of one gateway: replicas, history, settings, and what can be done to it as a whole."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from console.listing import asked, listing
from console.models import AuditEntry
from console.scope import Request
from gateways import change
from gateways.models import Gateway
from gateways.views import state
from gateways.views.access import gateway_of, gateway_to_change

PAGE_SIZE = 20
MOST_NAMED = 10
"""Of the APIs that keep a gateway from being deleted."""


def frame(gateway: Gateway, tab: str) -> dict[str, Any]:
    """What each page of a gateway shows around its own; `tab` is the one that is shown."""
    return {"gateway": gateway, "state": state.of_gateway(gateway), "tab": tab}


def replicas(request: Request, pk: UUID) -> HttpResponse:
    return render(request, "gateways/gateway_replicas.html", _with_replicas(gateway_of(request, pk)))


def status(request: Request, pk: UUID) -> HttpResponse:
    """The line under the heading and, for the page that shows it, the table of replicas: fresh together."""
    gateway = gateway_of(request, pk)
    context = _with_replicas(gateway) if "replicas" in request.GET else frame(gateway, "")
    return render(request, "gateways/_state.html", context)


def history(request: Request, pk: UUID) -> HttpResponse:
    gateway = gateway_of(request, pk)
    apis = gateway.api_instances.values_list("pk", flat=True)
    seen = AuditEntry.objects.seen_by(request.scope.held)
    found = seen.about("gateway", [gateway.pk]) | seen.about("apiinstance", apis)
    found = found.search(asked(request))
    shown = listing(request, "changes", "change", found, size=PAGE_SIZE, searches="name, id or person")
    context = frame(gateway, "history")
    return shown.answer(request, "gateways/gateway_history.html", "components/_changes.html", context)


def settings(request: Request, pk: UUID) -> HttpResponse:
    return render(request, "gateways/gateway_settings.html", frame(gateway_of(request, pk), "settings"))


@require_POST
def revoke(request: Request, pk: UUID) -> HttpResponse:
    gateway = gateway_to_change(request, pk)
    change.revoke(request.user, gateway)
    messages.success(request, f'The registration of "{gateway}" is revoked.')
    return redirect("gateway_settings", gateway.pk)


@require_POST
def forget(request: Request, pk: UUID, replica: UUID) -> HttpResponse:
    gateway = gateway_to_change(request, pk)
    found = get_object_or_404(gateway.replicas, pk=replica)
    try:
        change.forget_replica(request.user, found)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f'"{found}" is forgotten.')
    return redirect(gateway)


def delete(request: Request, pk: UUID) -> HttpResponse:
    """The question on a page of its own, for those without the dialog; POST is the answer."""
    gateway = gateway_to_change(request, pk)
    if request.method != "POST":
        apis = gateway.api_instances.select_related("asset")[:MOST_NAMED]
        return render(request, "gateways/gateway_delete.html", frame(gateway, "settings") | {"apis": apis})
    try:
        change.delete(request.user, gateway)
    except ValidationError as error:
        for message in error.messages:
            messages.error(request, message)
        return redirect("gateway_settings", gateway.pk)
    messages.success(request, f'"{gateway}" is deleted.')
    return redirect("gateways")


def _with_replicas(gateway: Gateway) -> dict[str, Any]:
    return frame(gateway, "replicas") | {"rows": state.of_replicas(gateway)}
