"""The pages of one API: overview, deployments, settings, history, and what can be done to it as a whole."""

from dataclasses import replace
from typing import Any

from django.conf import settings as settings_of_django
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apis import health
from apis.addresses import curl_command
from apis.changes import assets, instances, versions
from apis.deployment import trouble
from apis.desired import settings_of
from apis.forms import parts
from apis.forms.asset import asset_fields, owner_field
from apis.lists import choices
from apis.models import ApiInstance
from apis.owners.models import teams_of, users_of
from apis.promotions import promoting
from apis.views import saving, used
from apis.views.access import api_of, api_to_change, may_on, messages_of
from apis.views.conflict import Conflict, Meeting
from apis.views.frame import frame, run
from apis.views.lane import lane
from console.forms.merging import FormPart
from console.forms.schema_form import Field, offering
from console.listing import asked, listing
from console.models import AuditEntry
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed
from gateways import lookup

PAGE_SIZE = 20
MOST_OFFERED = 50
"""Tags, and users, to choose from."""


def overview(request: Request, pk: int) -> HttpResponse:
    api = api_of(request, pk)
    shown = lane(api)
    told = settings_of(shown.subject.routes)
    context = {
        "with_where": True,
        "automated": shown.automated,
        "applied": shown.inbound,
        "outbound": shown.outbound,
        "routes": shown.subject.routes,
        "findings": shown.findings,
        "owners": api.owners.select_related("user", "team"),
        "health": health.of_upstreams(api, [one.binding for one in shown.outbound], told),
        "command": curl_command(api),
        "asking": shown.asking,
        "promotion": promoting.last_of(api),
    }
    return render(request, "apis/api_overview.html", frame(request, api, "overview") | context)


def status(request: Request, pk: int) -> HttpResponse:
    """The line under the heading, what went wrong and, for the overview, its table of replicas: fresh, and
    of one moment.
    """
    api = api_of(request, pk)
    now = run(api)
    context = {"api": api, "run": now, "with_where": "where" in request.GET}
    context |= {
        "trouble": trouble.of(api, now.replicas),
        "may": may_on(request, api),
        "can_edit": may_on(request, api)["manage_apis"],
    }
    return render(request, "apis/_state.html", context)


def history(request: Request, pk: int) -> HttpResponse:
    api = api_of(request, pk)
    found = (
        AuditEntry.objects.seen_by(request.scope.held).about("apiinstance", [api.pk]).search(asked(request))
    )
    shown = listing(request, "changes", "change", found, size=PAGE_SIZE, searches="name, id or person")
    context = frame(request, api, "history")
    return shown.answer(request, "apis/api_history.html", "components/_changes.html", context)


def settings(request: Request, pk: int) -> HttpResponse:
    """Label, consumer endpoint, tags and description; what else can be done stands below."""
    api = api_to_change(request, pk) if request.method == "POST" else api_of(request, pk)
    errors: parts.Errors = {}
    late: Conflict | None = None
    meeting = Meeting([FormPart("details", parts.SCHEMAS["details"])], api, api.environment, request.POST)
    values, seen = _details_of(api), request.POST.get("seen", "")
    if request.method == "POST":
        values = parts.read("details", request.POST)
    if meeting.is_choosing:
        found, late = meeting.chosen({"details": values}, {"details": _details_of(api)})
        values = found["details"]
    elif request.method == "POST":
        try:
            deploy = saving.asked(request, api)
            edit, part = _edit(values), versions.DETAILS
            instances.edit_api(request.user, api, edit, seen=seen, part=part, deploy=deploy)
        except ValidationError as error:
            errors = messages_of(error)
            api.refresh_from_db()
        except Changed:
            found, late = meeting.met({"details": values}, {"details": _details_of(api)})
            values, seen = found["details"], ""
        else:
            messages.success(request, saving.told(api, "Saved."))
            return redirect("api_settings", api.pk)
    can_edit = may_on(request, api)["manage_apis"]
    form = _details_form(api, values, errors, can_edit)
    context: dict[str, Any] = {"form": form, "errors": errors, "conflict": late}
    context["base"] = meeting.base({"details": _details_of(api)}, seen)
    context["seen"] = seen or versions.of_api(api, versions.DETAILS)
    page = frame(request, api, "settings") | context | _beside_details(api, can_edit)
    code = 409 if late and not meeting.is_choosing else 422 if errors else 200
    return render(request, "apis/api_settings.html", page, status=code)


def _details_form(
    api: ApiInstance, values: parts.Values, errors: parts.Errors, can_edit: bool
) -> list[Field]:
    made = parts.fields("details", values, errors).values()
    return offering(made, "tags", choices.tags(api.environment, MOST_OFFERED)) if can_edit else list(made)


def _beside_details(api: ApiInstance, can_edit: bool) -> dict[str, Any]:
    """What the small forms of the settings show."""
    people = users_of(api.environment).order_by("username")[:MOST_OFFERED]
    teams = teams_of(api.environment)[:MOST_OFFERED]
    return {
        "owners": api.owners.select_related("user", "team"),
        "owner_field": owner_field(api.environment.organization, people, teams) if can_edit else None,
        "asset_form": asset_fields(api.asset, assets.versions_of(api.asset)),
        "asset_seen": assets.seen(api),
    }


@require_POST
def deploy(request: Request, pk: int) -> HttpResponse:
    api = api_of(request, pk, Permission.DEPLOY_APIS)
    if not api.is_deployed and api.gateway and not api.environment.deploys_on_save:
        return redirect("api_review", api.pk)
    try:
        gateway = lookup.chosen(api.environment, request.POST.get("gateway", ""))
        instances.deploy_api(request.user, api, gateway)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("api_gateway", api.pk) if api.gateway is None else redirect(api)
    pending = " with what ran; what is pending stays pending" if api.pending_since else ""
    messages.success(request, f"Deploying {api} to {api.gateway}{pending}.")
    return redirect(api)


def gateway(request: Request, pk: int) -> HttpResponse:
    """Choose where to deploy: for an API without a gateway, or to move one."""
    api = api_of(request, pk, Permission.DEPLOY_APIS)
    gateways = api.environment.gateways.filter(is_revoked=False).prefetch_related("replicas")
    return render(request, "apis/api_gateway.html", frame(request, api, "") | {"gateways": gateways})


@require_POST
def undeploy(request: Request, pk: int) -> HttpResponse:
    api = instances.undeploy_api(request.user, api_of(request, pk, Permission.DEPLOY_APIS))
    messages.success(request, f"Undeploying {api}; its port and base path stay its own.")
    return redirect(api)


@require_POST
def deprecate(request: Request, pk: int) -> HttpResponse:
    api = api_to_change(request, pk)
    instances.set_deprecated(request.user, api, request.POST.get("deprecated") == "true")
    messages.success(request, f"{api} is {'deprecated' if api.is_deprecated else 'no longer deprecated'}.")
    return redirect("api_settings", api.pk)


def delete(request: Request, pk: int) -> HttpResponse:
    """Asks first; the name must be typed when the API is deployed."""
    api = api_to_change(request, pk)
    errors: tuple[str, ...] = ()
    if request.method == "POST":
        if not api.is_deployed or request.POST.get("name", "").strip() == api.asset.name:
            kept = instances.delete_api(request.user, api)
            undo = reverse("removed_restore", args=[kept.pk])
            messages.success(request, f"Deleted {kept}.", extra_tags=undo)
            place = api.environment
            there = request.user.held().knows(place.pk, place.organization.path)
            return redirect("apis" if there else undo)
        errors = (f'Type "{api.asset.name}" to delete an API that is deployed.',)
    words = f"Type {api.asset.name} to confirm"
    confirm = Field(
        "text", "name", words, is_required=True, value="", errors=errors, attributes={"autocomplete": "off"}
    )
    page = frame(request, api, "settings") | {
        "confirm": confirm,
        "days": settings_of_django.REMOVED_KEEP_DAYS,
        "uses": used.uses(request, may_on(request, api), [api.pk]),
    }
    return render(request, "apis/api_delete.html", page, status=422 if errors else 200)


def _details_of(api: ApiInstance) -> parts.Values:
    return {
        "label": api.label,
        "consumer_endpoint": api.consumer_endpoint,
        "tags": api.tags,
        "description": api.description,
        "response_timeout_ms": api.response_timeout_ms,
    }


def _edit(values: parts.Values) -> instances.Edit:
    return lambda current: replace(
        current,
        label=values.get("label", ""),
        consumer_endpoint=values.get("consumer_endpoint", ""),
        tags=tuple(values.get("tags", ())),
        response_timeout_ms=values.get("response_timeout_ms"),
        description=values.get("description", ""),
    )
