"""Client providers: which judge access tokens for policies, and which environments have them."""

from functools import partial

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apis.changes import client_providers as change
from apis.client_providers import check
from apis.client_providers.check import ProviderAnswer
from apis.client_providers.models import ClientProvider
from console import audit
from console.listing import asked, listing
from console.pages.administration.access import (
    administered,
    administered_row,
    attempt,
    attempt_or_say,
)
from console.pages.administration.client_provider_forms import ClientProviderForm
from console.scope import Request

MOST_ENVIRONMENTS = 100


def providers(request: Request) -> HttpResponse:
    found = ClientProvider.objects.filter(organization__in=administered(request))
    if query := asked(request):
        by_address = Q(discovery_url__icontains=query) | Q(introspection_url__icontains=query)
        found = found.filter(Q(name__icontains=query) | by_address)
    found = found.select_related("organization").annotate(environments=Count("chosen")).order_by("name", "id")
    shown = listing(request, "client-providers", "client provider", found, searches="name or address")
    page = "console/administration/client_providers.html"
    return shown.answer(request, page, "console/administration/_client_providers.html", {})


def add(request: Request) -> HttpResponse:
    form = ClientProviderForm(administered(request), request.POST or None)
    if _saved(request, form):
        made = form.instance
        messages.success(
            request, f"{made} was added. Choose it for an environment, on the environment's page."
        )
        return redirect(made)
    status = 422 if form.errors else 200
    return render(request, "console/administration/client_provider_add.html", {"form": form}, status=status)


def provider(request: Request, pk: object) -> HttpResponse:
    """POST saves its settings."""
    found = _provider(request, pk)
    form = ClientProviderForm(administered(request), request.POST or None, instance=found)
    if _saved(request, form):
        messages.success(request, "The client provider was saved. Gateways that ask it are told at once.")
        return redirect(found)
    return _page(request, found, form=form)


@require_POST
def test(request: Request, pk: object) -> HttpResponse:
    """Ask it now, as gateways will."""
    found = _provider(request, pk)
    return _page(request, found, told=check.ask(found))


@require_POST
def delete(request: Request, pk: object) -> HttpResponse:
    found = _provider(request, pk)
    if attempt_or_say(request, partial(change.delete, request.user, found)):
        messages.success(request, f"{found} was deleted.")
        return redirect("client_providers")
    return redirect(found)


@transaction.atomic
def _saved(request: Request, form: ClientProviderForm) -> bool:
    """Looked at and saved in one: nobody's change in between is overwritten unseen."""
    if form.is_bound and not form.instance._state.adding:
        change.lock(form.instance)
    if form.is_valid():
        attempt(form, lambda: change.save(request.user, form.instance, form.cleaned_data["secret"]))
        return not form.errors
    return False


def _provider(request: Request, pk: object) -> ClientProvider:
    return administered_row(request, ClientProvider.objects.all(), pk)


def _page(
    request: Request,
    found: ClientProvider,
    form: ClientProviderForm | None = None,
    told: ProviderAnswer | None = None,
) -> HttpResponse:
    """As it is stored; a form that was refused shows what was typed."""
    form = form or ClientProviderForm(administered(request), instance=found)
    if form.errors:
        found = ClientProvider.objects.select_related("organization").get(pk=found.pk)
    having = found.chosen.select_related("environment__organization", "truststore__group")
    context = {
        "provider": found,
        "form": form,
        "told": told,
        "having": having.order_by("environment__name")[:MOST_ENVIRONMENTS],
        "entries": audit.history(found)[:20],
    }
    status = 422 if form.errors else 200
    return render(request, "console/administration/client_provider.html", context, status=status)
