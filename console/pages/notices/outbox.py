"""What waits to be sent, was sent or could not be, and what to do about it."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from console.listing import Select, asked, listing
from console.models import Role
from console.notices import deliveries, mail
from console.notices.models import Delivery, DeliveryQuerySet, Destination
from console.pages.administration.access import administered, attempt_or_say
from console.scope import Request

PAGE_SIZE = 50
State = Delivery.State


def outbox(request: Request) -> HttpResponse:
    _require_administrator(request)
    state = Select.of(request, "state", "State", State.choices)
    way = Select.of(request, "way", "Way", Delivery.Way.choices)
    found = Delivery.objects.visible_to(request.user)
    failed = found.filter(state=State.FAILED).exists()
    if query := asked(request):
        found = found.filter(
            Q(subject__icontains=query) | Q(address__icontains=query) | Q(destination__name__icontains=query)
        )
    for select in (state, way):
        if select.chosen:
            found = found.filter(**{select.name: select.chosen})
    found = found.select_related("destination", "organization", "environment").defer("content")
    looked = {"searches": "subject, address or destination", "selects": (state, way)}
    shown = listing(request, "deliveries", "message", found, size=PAGE_SIZE, **looked)
    untouched = Delivery.objects.visible_to(request.user).untouched().exists()
    context = {"has_mail": mail.is_set_up(), "has_failed": failed, "is_untouched": untouched}
    return shown.answer(request, "console/notices/outbox.html", "console/notices/_deliveries.html", context)


def delivery(request: Request, pk: object) -> HttpResponse:
    """One message; for htmx, its state alone, until it is finished."""
    found = _delivery(request, pk)
    name = "_delivery" if request.htmx else "delivery"
    context = {"delivery": found, "may_act": _acted_on(request).filter(pk=found.pk).exists()}
    return render(request, f"console/notices/{name}.html", context)


@require_POST
def retry(request: Request, pk: object) -> HttpResponse:
    found = _to_act(request, pk)
    if deliveries.retry(request.user, Delivery.objects.filter(pk=found.pk)):
        messages.success(request, "It is tried again, for a day from now.")
    else:
        messages.info(request, "It was sent, or is being sent right now.")
    return redirect("delivery", pk)


@require_POST
def drop(request: Request, pk: object) -> HttpResponse:
    found = _to_act(request, pk)
    if attempt_or_say(request, lambda: deliveries.drop(request.user, found)):
        messages.success(request, "It was dropped, and is never sent.")
    return redirect("delivery", pk)


@require_POST
def retry_all(request: Request) -> HttpResponse:
    """Those that were given up."""
    _require_administrator(request)
    failed = Delivery.objects.visible_to(request.user).filter(state=State.FAILED)
    count = deliveries.retry(request.user, failed)
    messages.success(request, f"{count} message{' is' if count == 1 else 's are'} tried again.")
    return redirect("outbox")


def _require_administrator(request: Request) -> None:
    if not request.user.reaches_everything:
        administered(request)


def _acted_on(request: Request) -> DeliveryQuerySet:
    """What an administrator sees, and what goes to destinations that one may change."""
    changeable = Destination.objects.changeable_by(request.user)
    mine = Delivery.objects.visible_to(request.user).values("pk")
    return Delivery.objects.filter(Q(pk__in=mine) | Q(destination__in=changeable))


def _delivery(request: Request, pk: object) -> Delivery:
    rows = Delivery.objects.select_related("destination", "organization", "environment", "user")
    visible = Destination.objects.visible_to(request.user)
    mine = Delivery.objects.visible_to(request.user).values("pk")
    return get_object_or_404(rows.filter(Q(pk__in=mine) | Q(destination__in=visible)), pk=pk)


def _to_act(request: Request, pk: object) -> Delivery:
    found = _delivery(request, pk)
    if not _acted_on(request).filter(pk=found.pk).exists():
        raise PermissionDenied(f"Only an {Role.Name.ADMINISTRATOR.label.lower()} may do this.")
    return found
