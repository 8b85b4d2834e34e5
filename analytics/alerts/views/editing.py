"""The form of an alert, and what the alert would have made of the last day."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from analytics.alerts import change, forms, permission, rules, wanted, wording
from analytics.alerts.access import alert_of, alert_to_change, environment_to_manage
from analytics.alerts.forms import AlertForm, form_of
from analytics.alerts.models import Alert
from analytics.alerts.preview import preview
from apis.models import ApiInstance
from apis.views.access import messages_of
from apis.views.conflict import Conflict, of_rows
from console.forms import schema_form, searched
from console.forms.differences import differences
from console.models import Environment
from console.numbers import number
from console.scope import Request
from console.versions import Changed


def new(request: Request) -> HttpResponse:
    """`?api=` names the API that it is to be about, `?type=` what it is to look at."""
    environment = environment_to_manage(request)
    return _form(request, environment, None)


def edit(request: Request, pk: int) -> HttpResponse:
    """Who may not manage alerts reads the same form."""
    alert = alert_to_change(request, pk) if request.method == "POST" else alert_of(request, pk)
    return _form(request, alert.environment, alert)


@require_POST
def preview_new(request: Request) -> HttpResponse:
    return _preview(request, environment_to_manage(request), None)


@require_POST
def preview_of(request: Request, pk: int) -> HttpResponse:
    alert = alert_to_change(request, pk)
    return _preview(request, alert.environment, alert)


@require_GET
def apis_new(request: Request) -> HttpResponse:
    return _apis(request, environment_to_manage(request), None)


def apis_of(request: Request, pk: int) -> HttpResponse:
    alert = alert_to_change(request, pk)
    return _apis(request, alert.environment, alert)


def _apis(request: Request, environment: Environment, alert: Alert | None) -> HttpResponse:
    """What is suggested for it to be about, as one types."""
    found = form_of(request.user, environment, alert).choices
    rows = searched.suggested(found, request.GET.get("api", ""))
    choices = [(searched.suggestion(one), one.asset.api_version) for one in rows]
    return render(request, "components/_suggested_apis.html", {"choices": choices})


def _form(request: Request, environment: Environment, alert: Alert | None) -> HttpResponse:
    form = form_of(request.user, environment, alert, _initial(request, environment))
    seen = request.POST.get("seen", "") or (change.seen_version(alert) if alert else "")
    late: Conflict | None = None
    if request.method == "POST":
        form.read(request.POST)
        try:
            what = form.wanted()
            if alert:
                saved = change.edit(request.user, alert, what, seen=seen)
            else:
                saved = change.add(request.user, environment, what)
        except ValidationError as error:
            form.errors = forms.named(messages_of(error))
        except Changed:
            assert alert is not None
            alert.refresh_from_db()
            late, seen = _compared(request, form, alert), change.seen_version(alert)
        else:
            told = "Saved" if alert else "Added"
            messages.success(request, f"{told} alert {saved}; it is looked at within a minute.")
            return redirect(saved)
    return _page(request, form, seen, late)


def _page(request: Request, form: AlertForm, seen: str, late: Conflict | None) -> HttpResponse:
    alert = form.alert
    context = {
        "alert": alert,
        "fields": form.fields,
        "errors": form.errors,
        "general": form.errors.get("", []),
        "conflict": late,
        "seen": seen,
        "may_manage": alert is None or permission.may_manage(request.user, alert),
        "cancel": _cancel(request, form),
        "preview_url": reverse("alert_preview", args=[alert.pk]) if alert else reverse("alert_new_preview"),
        "variables": wording.VARIABLES,
    }
    code = 409 if late else 422 if form.errors else 200
    return render(request, "analytics/alerts/alert_form.html", context, status=code)


def _preview(request: Request, environment: Environment, alert: Alert | None) -> HttpResponse:
    """As the form has it; what it lacks is told, and what is no matter of the condition is not asked for."""
    form = form_of(request.user, environment, alert)
    form.read(request.POST)
    context: dict[str, Any] = {}
    try:
        what = form.wanted()
        permission.require_about(request.user, environment, what.about, what.api)
        try:
            rules.check(environment, what, alert)
        except ValidationError as error:
            others = {
                name for name in error.message_dict if name not in ("name", "subject", "message", "users")
            }
            if others - {"addresses", "destinations"}:
                raise
        shown = Alert(environment=environment)
        wanted.put(what, shown)
        context["preview"] = preview(shown)
    except ValidationError as error:
        context = _lacking(form, forms.named(messages_of(error)))
    return render(request, "analytics/alerts/_preview.html", context)


def _lacking(form: AlertForm, found: dict[str, list[str]]) -> dict[str, Any]:
    """What is wrong with what was entered; else what is still empty, which is nobody's mistake."""
    titles = {name: one["title"] for name, one in form.schema["properties"].items()}
    empty = [titles[name] for name in found if name in titles and form.values.get(name) in (None, "", [])]
    faults = [
        f"{titles[name]}: {text}" if name in titles else text
        for name, texts in found.items()
        if titles.get(name) not in empty
        for text in texts
    ]
    return {"preview_faults": faults, "preview_empty": [] if faults else empty}


def _initial(request: Request, environment: Environment) -> dict[str, Any]:
    """What the address asks for; whoever adds an alert is told by it."""
    found: dict[str, Any] = {"people": [request.user.get_username()]}
    api = number(request.GET.get("api", ""))
    seen = ApiInstance.objects.visible_to(request.user).filter(environment=environment)
    row = seen.filter(pk=api or 0).select_related("asset").first()
    if row:
        found |= {"about": Alert.About.API, "api": searched.suggestion(row)}
    if request.GET.get("type") in Alert.Type.values:
        found["type"] = request.GET["type"]
    return found


def _cancel(request: Request, form: AlertForm) -> str:
    """Back to where the user may look."""
    if form.alert:
        return form.alert.get_absolute_url()
    if form.apis is None:
        return reverse("alerts")
    one = form.apis.filter(pk=number(request.GET.get("api", "")) or 0).first()
    return reverse("api_alerts", args=[one.pk]) if one else reverse("apis")


def _compared(request: Request, form: AlertForm, alert: Alert) -> Conflict:
    """Theirs beside what is saved now; sent once more, it is overwritten knowingly."""
    theirs = form_of(request.user, form.environment, alert)
    mine, saved = (schema_form.fields(one.schema, one.values, prefix="") for one in (form, theirs))
    return of_rows(alert, differences(mine, saved, {}))
