"""Where an API listens and where its requests go, as one form."""

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apis.addresses import host_of
from apis.change import edit_api, validate, warnings
from apis.drafts import ApiDraft, draft_of
from apis.forms import parts
from apis.forms import routes as form
from apis.models import ApiInstance
from apis.views.access import api_of, messages_of
from apis.views.frame import frame
from apis.views.tls_contexts import choices
from console.scope import Request
from policies import rows


def edit(request: Request, pk: int) -> HttpResponse:
    """A viewer sees what is; who may edit gets the form."""
    api = api_of(request, pk)
    may_edit = request.scope.can_edit
    if request.method == "POST" and may_edit:
        return _posted(request, api)
    current = draft_of(api)
    if not may_edit:
        page = frame(request, api, "routes") | {"routes": current.routes}
        return render(request, "apis/api_routes.html", page, status=403 if request.method == "POST" else 200)
    return _shown(request, api, _downstream_of(api), form.values_of(current.routes), {})


def _posted(request: Request, api: ApiInstance) -> HttpResponse:
    data = rows.changed(request.POST) if rows.wanted(request.POST) else request.POST
    downstream, upstream = parts.read("downstream", data), parts.read("upstream", data)
    if rows.wanted(request.POST):
        return _shown(request, api, downstream, upstream, {})
    draft, unread = _draft(api, downstream, upstream)
    errors = parts.joined(validate(api.environment, draft, api), unread)
    if not errors:
        try:
            edit_api(request.user, api, draft)
        except ValidationError as error:
            errors = messages_of(error)
            api.refresh_from_db()
    if errors:
        return _shown(request, api, downstream, upstream, errors)
    messages.success(
        request, "Saved." if not api.is_deployed else f"Saved; {api.gateway} takes it into force."
    )
    return redirect("api_routes", api.pk)


def _draft(
    api: ApiInstance, downstream: parts.Values, upstream: parts.Values
) -> tuple[ApiDraft, parts.Errors]:
    """The API as it is, with what the form changes."""
    read, errors = parts.draft(api.environment, {"downstream": downstream, "upstream": upstream})
    changed = {"protocol", "port", "base_path", "tls_context", "label", "consumer_endpoint", "routes"}
    errors.pop("asset", None)
    return replace(draft_of(api), **{name: getattr(read, name) for name in changed}), errors


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
) -> HttpResponse:
    draft, _ = _draft(api, downstream, upstream)
    context: dict[str, Any] = {
        "form": parts.fields("downstream", downstream, errors) | parts.fields("upstream", upstream, errors),
        "errors": errors,
        "host": host_of(api.gateway),
        "warnings": warnings(draft),
        "weight_sums": form.weight_sums(upstream),
        "echo_url": settings.ECHO_URL,
    }
    page = frame(request, api, "routes") | choices(api.environment) | context
    return render(request, "apis/api_routes.html", page, status=422 if errors else 200)
