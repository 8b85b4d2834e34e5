"""One alert: where it stands, what it raised, its last day, and what can be done with it."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from analytics.alerts import change, permission, telling, wording
from analytics.alerts.access import alert_of, alert_to_change
from analytics.alerts.kinds import kind_of
from analytics.alerts.preview import preview
from apis.views.access import messages_of
from console import audit
from console.listing import asked, listing
from console.notices.models import Destination
from console.numbers import number
from console.scope import Request

HISTORY_SHOWN = 20
SILENCES = ((15, "15 minutes"), (60, "1 hour"), (240, "4 hours"), (1440, "1 day"), (10080, "7 days"))


def detail(request: Request, pk: int) -> HttpResponse:
    alert = alert_of(request, pk)
    found = alert.incidents.order_by(F("resolved_at").desc(nulls_first=True), "-since", "-pk")
    found = found.filter(name__icontains=asked(request)[:200])
    shown = listing(request, "incidents", "incident", found, searches="name", every_seconds=15)
    destinations = Destination.objects.usable_in(alert.environment).filter(pk__in=alert.destinations)
    context = {
        "alert": alert,
        "kind": kind_of(alert),
        "sentence": wording.sentence(alert),
        "about": wording.about(alert),
        "incidents": [
            (one, wording.amount(alert, one.value), wording.amount(alert, one.newest)) for one in shown.page
        ],
        "people": telling.recipients(alert),
        "destinations": destinations,
        "may_manage": permission.may_manage(request.user, alert),
        "silences": SILENCES,
        "entries": audit.history(alert)[:HISTORY_SHOWN],
        "now": timezone.now(),
    }
    return shown.answer(
        request, "analytics/alerts/alert_detail.html", "analytics/alerts/_incidents.html", context
    )


def chart(request: Request, pk: int) -> HttpResponse:
    """The last day, which takes a moment to read: fetched by the page, or opened by itself."""
    alert = alert_of(request, pk)
    context = {"alert": alert, "preview": preview(alert)}
    name = "_preview" if request.htmx else "alert_chart"
    return render(request, f"analytics/alerts/{name}.html", context)


@require_POST
def pause(request: Request, pk: int) -> HttpResponse:
    alert = change.pause(request.user, alert_to_change(request, pk), is_paused=True)
    messages.success(request, f"Paused {alert}: it looks at nothing until you resume it.")
    return redirect(alert)


@require_POST
def resume(request: Request, pk: int) -> HttpResponse:
    alert = change.pause(request.user, alert_to_change(request, pk), is_paused=False)
    messages.success(request, f"{alert} looks again, within a minute.")
    return redirect(alert)


@require_POST
def silence(request: Request, pk: int) -> HttpResponse:
    """For so many minutes; 0 ends it."""
    alert = alert_to_change(request, pk)
    minutes = number(request.POST.get("minutes", ""))
    try:
        alert = change.silence(request.user, alert, -1 if minutes is None else minutes)
    except ValidationError as error:
        _tell(request, error)
    else:
        said = f"silenced for {wording.minutes(minutes)}" if minutes else "no longer silenced"
        messages.success(request, f"{alert} is {said}.")
    return redirect(alert)


@require_POST
def test(request: Request, pk: int) -> HttpResponse:
    alert = alert_to_change(request, pk)
    try:
        count = change.send_test(request.user, alert)
    except ValidationError as error:
        _tell(request, error)
    else:
        messages.success(request, f"A test is on its way to {count} recipient{'' if count == 1 else 's'}.")
    return redirect(alert)


@require_POST
def delete(request: Request, pk: int) -> HttpResponse:
    alert = alert_to_change(request, pk)
    api = alert.api_id
    change.delete(request.user, alert)
    messages.success(request, f"Deleted alert {alert}.")
    return redirect("api_alerts", pk=api) if api else redirect("alerts")


def _tell(request: Request, error: ValidationError) -> None:
    messages.error(request, " ".join(text for texts in messages_of(error).values() for text in texts))
