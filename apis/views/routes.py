"""Where an API listens and where its requests go, as one form."""

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apis import health, operations
from apis.addresses import host_of
from apis.changes import versions
from apis.changes.instances import Edit, edit_api
from apis.desired import DesiredApi, desired_of, settings_of
from apis.forms import parts
from apis.forms import routes as form
from apis.lint import edited
from apis.lint.routes import warnings
from apis.models import ApiInstance
from apis.rules.instances import validate
from apis.views import saving
from apis.views.access import api_of, may_on, messages_of
from apis.views.conflict import Conflict, Meeting, Values
from apis.views.frame import frame
from apis.views.tls_contexts import choices
from console.forms import rows
from console.forms.merging import FormPart
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed

FOUND = "edited-findings"
"""What htmx asks for while the form is typed in."""


def edit(request: Request, pk: int) -> HttpResponse:
    """A viewer sees what is; who may edit gets the form."""
    api = api_of(request, pk)
    may_edit = Permission.MANAGE_APIS in may_on(request, api)
    if request.method == "POST" and may_edit:
        return _posted(request, api)
    current = desired_of(api)
    if not may_edit:
        page = frame(request, api, "routes") | {"routes": current.routes, "health": _health(api, current)}
        return render(request, "apis/api_routes.html", page, status=403 if request.method == "POST" else 200)
    values, added = form.values_of(current.routes), []
    if request.GET:
        added = operations.routes(operations.asked(operations.document_of(api), request.GET))
        values = form.with_operations(values, added) if added else values
    return _shown(request, api, _downstream_of(api), values, {}, added=len(added))


def _posted(request: Request, api: ApiInstance) -> HttpResponse:
    data = rows.changed(request.POST) if rows.wanted(request.POST) else request.POST
    downstream, upstream = parts.read("downstream", data), parts.read("upstream", data)
    if request.POST.get("rows") == operations.ADD:
        found = operations.chosen(operations.document_of(api), request.POST)
        upstream = form.with_operations(upstream, operations.routes(found))
    if rows.wanted(request.POST):
        return _shown(request, api, downstream, upstream, {})
    if request.htmx.target == FOUND:
        return _found(request, api, downstream, upstream)
    if (meeting := _meeting(request, api)).is_choosing:
        return _compared(request, api, meeting.chosen(_whole(downstream, upstream), _saved(api)))
    edit, errors = _edit(api, downstream, upstream)
    errors = parts.joined(validate(api.environment, edit(desired_of(api)), api), errors)
    if not errors:
        try:
            seen, deploy = request.POST.get("seen", ""), saving.asked(request, api)
            edit_api(request.user, api, edit, seen=seen, part=versions.ROUTES, deploy=deploy)
        except ValidationError as error:
            errors = messages_of(error)
            api.refresh_from_db()
        except Changed:
            return _compared(request, api, meeting.met(_whole(downstream, upstream), _saved(api)))
    if errors:
        return _shown(request, api, downstream, upstream, errors)
    done = f"Saved; {saving.taken(api)}" if api.is_deployed else "Saved."
    messages.success(request, saving.told(api, done, "Saved."))
    return redirect("api_routes", api.pk)


def _found(
    request: Request, api: ApiInstance, downstream: parts.Values, upstream: parts.Values
) -> HttpResponse:
    """What the linter finds of the form as it is typed."""
    edit, errors = _edit(api, downstream, upstream)
    wanted = None if errors else edit(desired_of(api))
    is_whole = wanted and all(one.uri for route in wanted.routes for one in route.upstreams)
    found = edited.by_routes(api, wanted) if wanted and is_whole else None
    response = render(request, "apis/_edited_findings.html", {"edited": found})
    response["Cache-Control"] = "no-store"
    return response


def _edit(api: ApiInstance, downstream: parts.Values, upstream: parts.Values) -> tuple[Edit, parts.Errors]:
    """What the form changes of the API as it is, and what in the form could not be read."""
    read, errors = parts.desired(api.environment, {"downstream": downstream, "upstream": upstream})
    errors.pop("asset", None)
    changed = {name: getattr(read, name) for name in versions.ROUTES}
    return lambda current: replace(current, **changed), errors


def _downstream_of(api: ApiInstance) -> parts.Values:
    return {
        "protocol": api.protocol,
        "port": api.port,
        "base_path": api.base_path,
        "tls_context": str(api.tls_context_id or ""),
        "label": api.label,
        "consumer_endpoint": api.consumer_endpoint,
    }


def _shown(
    request: Request,
    api: ApiInstance,
    downstream: parts.Values,
    upstream: parts.Values,
    errors: parts.Errors,
    *,
    late: Conflict | None = None,
    added: int = 0,
) -> HttpResponse:
    edit, _ = _edit(api, downstream, upstream)
    current = desired_of(api)
    fields = parts.fields("downstream", downstream, errors) | parts.fields("upstream", upstream, errors)
    meeting = _meeting(request, api)
    is_late = late is not None and not meeting.is_choosing
    seen = "" if is_late else request.POST.get("seen", "")
    is_as_saved = request.method != "POST" and not added
    saved = _whole(downstream, upstream) if is_as_saved else _saved(api)
    context: dict[str, Any] = {
        "form": fields,
        "added": added,
        "seen": seen or versions.of_api(api, versions.ROUTES),
        "base": meeting.base(saved, seen),
        "conflict": late,
        "errors": errors,
        "host": host_of(api.gateway),
        "warnings": form.placed(warnings(edit(current), api), upstream),
        "weight_sums": form.weight_sums(upstream),
        "echo_url": settings.ECHO_URL,
        "health": _health(api, current),
    }
    context |= operations.choice(operations.document_of(api), request.POST)
    page = frame(request, api, "routes") | choices(api.environment) | context
    status = 409 if is_late else 422 if errors else 200
    return render(request, "apis/api_routes.html", page, status=status)


def _health(api: ApiInstance, current: DesiredApi) -> dict[str, health.Health]:
    return health.of_upstreams(api, api.policies.outbound(), settings_of(current.routes))


def _meeting(request: Request, api: ApiInstance) -> Meeting:
    names = ("downstream", "upstream")
    made_of = [FormPart(name, parts.SCHEMAS[name]) for name in names]
    return Meeting(made_of, api, api.environment, request.POST, unused=_unused)


def _unused(values: Values) -> set[str]:
    """One URL, or rows: what is not chosen is kept in the form and counts for nothing."""
    is_simple = values["upstream"].get("mode") == "simple"
    return {"routes"} if is_simple else {"uri", "uri_id", "uri_tls", "uri_settings"}


def _saved(api: ApiInstance) -> Values:
    return _whole(_downstream_of(api), form.values_of(desired_of(api).routes))


def _whole(downstream: parts.Values, upstream: parts.Values) -> Values:
    return {"downstream": downstream, "upstream": upstream}


def _compared(request: Request, api: ApiInstance, found: tuple[dict[str, Any], Conflict]) -> HttpResponse:
    """The form with what two people made of it."""
    values, late = found
    return _shown(request, api, values["downstream"], values["upstream"], {}, late=late)
