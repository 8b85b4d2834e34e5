"""Destinations: where programs and chat rooms are told."""

from functools import partial

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from console import audit, once
from console.listing import Select, asked, listing
from console.notices import destinations as changes
from console.notices.models import Destination
from console.notices.uses import uses
from console.pages.administration.access import attempt, attempt_or_say
from console.pages.notices.forms import DestinationForm, NewDestinationForm
from console.scope import Request
from console.versions import Changed

RECENT = 10


def destinations(request: Request) -> HttpResponse:
    kind = Select.of(request, "type", "Type", Destination.Type.choices)
    found = Destination.objects.visible_to(request.user).filter(name__icontains=asked(request))
    if kind.chosen:
        found = found.filter(type=kind.chosen)
    found = found.select_related("organization", "environment").defer("url", "secret")
    shown = listing(request, "destinations", "destination", found, searches="name", selects=(kind,))
    used = uses([one.pk for one in shown.page])
    context = {"rows": [(one, used.get(one.pk, [])) for one in shown.page]}
    return shown.answer(
        request, "console/notices/destinations.html", "console/notices/_destinations.html", context
    )


def add(request: Request) -> HttpResponse:
    """A webhook's secret is shown in the answer to the form and never again."""
    form = NewDestinationForm(request.user, request.scope.environment, request.POST or None)
    if not form.places:
        raise PermissionDenied("Only a manager or an administrator may add a destination.")
    if form.is_valid():
        given = form.cleaned_data
        told = {
            "name": given["name"],
            "kind": given["type"],
            "url": given["url"],
            "sending": once.of(request),
        }
        made = attempt(form, lambda: changes.create(request.user, form.chosen(), **told))
        if made and made.type == Destination.Type.WEBHOOK:
            return _secret(request, made, made.secret)
        if made:
            messages.success(request, f"{made} can be chosen now. Send a test, so that you know it arrives.")
            return redirect("destination", made.pk)
    status = 422 if form.errors else 200
    return render(request, "console/notices/destination_add.html", {"form": form}, status=status)


def destination(request: Request, pk: int) -> HttpResponse:
    """POST changes its name or URL."""
    found = _destination(request, pk)
    may_change = _is_changeable(request, found)
    if request.method == "POST" and not may_change:
        raise PermissionDenied("Only a manager or an administrator may change destinations here.")
    initial = {"name": found.name, "seen": changes.seen_of(found)}
    form = DestinationForm(request.POST or None, initial=initial, has_url=True)
    if form.is_valid():
        given = form.cleaned_data
        change = partial(changes.change, request.user, found, given["name"], given["url"], seen=given["seen"])
        try:
            attempt(form, change)
            if not form.errors:
                messages.success(request, f"{given['name']} was saved.")
                return redirect("destination", pk)
        except Changed:
            found.refresh_from_db()
            form = DestinationForm(request.POST.dict() | {"seen": changes.seen_of(found)}, has_url=True)
            form.add_error(None, "Somebody changed this after you opened it. Save again to overwrite it.")
    context = {
        "destination": Destination.objects.get(pk=pk),
        "form": form,
        "may_change": may_change,
        "uses": uses([pk]).get(pk, []),
        "deliveries": found.deliveries.defer("content")[:RECENT],
        "entries": audit.history(found).visible_to(request.user)[:20],
    }
    return render(request, "console/notices/destination.html", context, status=422 if form.errors else 200)


@require_POST
def test(request: Request, pk: int) -> HttpResponse:
    """A worker sends it; its page says what was answered."""
    return redirect("delivery", changes.send_test(request.user, _destination(request, pk)).pk)


@require_POST
def secret(request: Request, pk: int) -> HttpResponse:
    found = _destination(request, pk)
    made: list[str] = []
    renew = partial(changes.renew_secret, request.user, found, once.of(request))
    if attempt_or_say(request, lambda: made.append(renew())):
        return _secret(request, found, made[0])
    return redirect("destination", pk)


@require_POST
def delete(request: Request, pk: int) -> HttpResponse:
    found = _destination(request, pk)
    if attempt_or_say(request, lambda: changes.delete(request.user, found)):
        messages.success(request, f"The destination {found} was deleted.")
        return redirect("destinations")
    return redirect("destination", pk)


def _destination(request: Request, pk: int) -> Destination:
    visible = Destination.objects.visible_to(request.user).select_related("organization", "environment")
    return get_object_or_404(visible, pk=pk)


def _is_changeable(request: Request, found: Destination) -> bool:
    return Destination.objects.changeable_by(request.user).filter(pk=found.pk).exists()


def _secret(request: Request, found: Destination, secret: str) -> HttpResponse:
    context = {"destination": found, "secret": secret}
    return render(request, "console/notices/destination_secret.html", context)
