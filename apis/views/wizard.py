"""The Add API wizard: one address a step, each checked before the next; what is typed survives them all."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.views.decorators.http import require_POST

from apis import operations
from apis.addresses import host_of
from apis.assets.models import Asset
from apis.changes.instances import create_api
from apis.documents.specification import Specification
from apis.forms import parts, wizard
from apis.forms.routes import placed, weight_sums, with_operations
from apis.lint.edited import Edited
from apis.lint.routes import findings
from apis.models import ApiInstance
from apis.rules import listeners, upstream_uri
from apis.views.access import draft_to_change, environment_of, messages_of
from apis.views.routes import FOUND
from apis.views.tls_contexts import choices
from apis.wizard_draft import WizardDraft
from console.forms import rows
from console.forms.schema_form import Field
from console.permissions import Permission
from console.scope import Request
from console.words import words

ASSETS_SHOWN = 12
REVIEW = "review"
ABOUT_FILE = (
    "OpenAPI 3 or 2, JSON or YAML, up to {}. It fills in the name and the versions below, and its servers "
    "are offered as upstreams."
)
CHECK = "check"
"""Asks a step for what is wrong in it, as soon as it is shown."""


def add(request: Request) -> HttpResponse:
    """A draft of its own for each start: it is kept, with a key in its address, once something is said."""
    environment = environment_of(request, Permission.MANAGE_APIS)
    draft = wizard.Draft(WizardDraft(user=request.user, environment=environment, step="gateway"))
    step = wizard.STEPS[0]
    return _posted(request, draft, step) if request.method == "POST" else _shown(request, draft, step, {})


def step(request: Request, pk: UUID, name: str) -> HttpResponse:
    row = draft_to_change(request, pk)
    one = wizard.step(name)
    if one is None:
        raise Http404(f'The wizard has no step "{name}".')
    if row.api:
        return _saved_before(request, row.api)
    draft = wizard.Draft(row)
    if request.method == "POST":
        return _review(request, draft) if name == REVIEW else _posted(request, draft, one)
    open_step = draft.first_open(one)
    if open_step != one:
        return redirect(f"{_address(draft, open_step)}?{CHECK}")
    is_asked = CHECK in request.GET and one.name in draft.values
    return _shown(request, draft, one, draft.errors(one) if is_asked else {})


@require_POST
def discard(request: Request, pk: UUID) -> HttpResponse:
    row = draft_to_change(request, pk)
    row.delete()
    messages.success(request, f"Discarded the draft of {row}.")
    return redirect("api_add")


def _posted(request: Request, draft: wizard.Draft, step: wizard.WizardStep) -> HttpResponse:
    """Keep what was typed, then do what the button says: check and go on, go back, or show the form again."""
    data = rows.changed(request.POST) if rows.wanted(request.POST) else request.POST
    values = parts.read(step.name, data)
    if step.name == "api":
        values = wizard.with_specification(values, request, draft)
    if step.name == "upstream" and request.POST.get("rows") == operations.ADD:
        found = operations.chosen(_document(draft), request.POST)
        values = with_operations(values, operations.routes(found))
    if request.htmx.target == FOUND:
        return _found(request, draft, step, values)
    if not draft.keep(step, values, request.POST.get("seen", "")):
        return _changed_elsewhere(request, draft, step)
    go = request.POST.get("go", "")
    if go == "back":
        return _to(draft, wizard.beside(step, -1))
    if go == "stay" or "drop_uploaded" in request.POST or rows.wanted(request.POST):
        return _shown(request, draft, step, {})
    if errors := draft.errors(step):
        return _shown(request, draft, step, errors, status=422)
    return _to(draft, wizard.beside(step, 1))


def _found(
    request: Request, draft: wizard.Draft, step: wizard.WizardStep, values: parts.Values
) -> HttpResponse:
    """What the linter finds of the routes as they are typed, of which nothing is kept."""
    draft.values = {**draft.values, step.name: values}
    desired, found = draft.made()[0], None
    if not draft.errors(step):
        found = Edited(list(findings(None, desired.routes, desired.base_path, {})), (), ())
    response = render(request, "apis/_edited_findings.html", {"edited": found})
    response["Cache-Control"] = "no-store"
    return response


def _changed_elsewhere(request: Request, draft: wizard.Draft, step: wizard.WizardStep) -> HttpResponse:
    """Another page of the same draft was first. What was typed here stays in the form, to be sent again."""
    draft.row.refresh_from_db()
    if draft.row.api:
        return _saved_before(request, draft.row.api)
    draft.values = {**draft.row.values, step.name: draft.values[step.name]}
    return _shown(request, draft, step, {}, status=409, is_late=True)


def _to(draft: wizard.Draft, step: wizard.WizardStep) -> HttpResponse:
    return redirect(_address(draft, step))


def _address(draft: wizard.Draft, step: wizard.WizardStep) -> str:
    return reverse("api_add_step", args=[draft.row.pk, step.name])


def _saved_before(request: Request, api: ApiInstance) -> HttpResponse:
    messages.info(request, f"This draft was saved already, as {api}.")
    return redirect(api)


@transaction.atomic
def _review(request: Request, draft: wizard.Draft) -> HttpResponse:
    """One draft becomes one API, however often its button is pressed."""
    row = (
        WizardDraft.objects.select_for_update(of=("self",)).select_related("api__asset").get(pk=draft.row.pk)
    )
    if row.api:
        return _saved_before(request, row.api)
    step = wizard.STEPS[-1]
    if request.POST.get("go") == "back":
        return _to(draft, wizard.beside(step, -1))
    made, errors = draft.made()
    deploy = request.POST.get("go") == "deploy"
    try:
        if errors:
            raise ValidationError(errors)
        api = create_api(request.user, draft.environment, made, deploy=deploy)
    except ValidationError as error:
        return _shown(request, draft, step, messages_of(error), status=422)
    row.api, row.values = api, {}
    row.save()
    done = (
        f"Saved {api}; it is being deployed to {api.gateway}."
        if api.is_deployed
        else f"Saved {api}. It is not deployed yet."
    )
    messages.success(request, done)
    return redirect(api)


def _shown(
    request: Request,
    draft: wizard.Draft,
    step: wizard.WizardStep,
    errors: parts.Errors,
    *,
    status: int = 200,
    is_late: bool = False,
) -> HttpResponse:
    if step.name == "api":
        errors = errors | draft.refused_file()
    context: dict[str, Any] = {
        "draft": draft,
        "steps": wizard.STEPS,
        "step": step,
        "position": wizard.STEPS.index(step),
        "errors": errors,
        "all_errors": [text for texts in errors.values() for text in texts],
        "is_late": is_late,
        "address": reverse("api_add_step", args=[draft.row.pk, step.name])
        if draft.is_kept
        else reverse("api_add"),
        "unfinished": []
        if draft.is_kept
        else WizardDraft.objects.unfinished(request.user, draft.environment),
    }
    values = draft.values.get(step.name) or _PROPOSED.get(step.name, _nothing)(draft)
    if step.name == "api":
        values = wizard.settled(draft.environment, values)
    if step.name != REVIEW:
        context["form"] = parts.fields(step.name, values, errors)
    context |= _EXTRAS[step.name](request, draft, values)
    if step.name == "api":
        context |= _api_controls(context["form"], errors, has_assets=context["has_assets"])
    return render(request, f"apis/wizard_{step.name}.html", context, status=status)


def _gateway_extras(request: Request, draft: wizard.Draft, values: dict[str, Any]) -> dict[str, Any]:
    gateways = list(draft.environment.gateways.filter(is_revoked=False).prefetch_related("replicas"))
    connected = [one for one in gateways if one.status == one.Status.CONNECTED]
    chosen = values.get("gateway")
    if chosen is None and connected:
        chosen = str(connected[0].pk)
    return {"gateways": gateways, "chosen": chosen or "", "connected": connected}


def _api_extras(request: Request, draft: wizard.Draft, values: dict[str, Any]) -> dict[str, Any]:
    known = parts.assets(draft.environment)
    text = request.POST.get("asset_q", request.GET.get("asset_q", "")).strip()
    found = known
    for word in words(text):
        found = found.filter(Q(name__icontains=word) | Q(asset_id__icontains=word))
    key = str(values.get("key", ""))
    shown = list(found[:ASSETS_SHOWN])
    if key.isdecimal() and key not in {str(one.pk) for one in shown}:
        shown = [*known.filter(pk=key), *shown]
    return {
        "assets": shown,
        "more": max(0, found.count() - ASSETS_SHOWN),
        "asset_q": text,
        "has_assets": known.exists(),
        "key": key,
        "document": parts.document(draft.environment, values.get(wizard.DOCUMENT, "")),
        "unread": parts.document(draft.environment, values.get(wizard.UPLOADED, "")),
        "refused": values.get(wizard.REFUSED, ""),
        "stay": '{"go": "stay"}',
    }


def _api_controls(form: dict[str, Field], errors: parts.Errors, *, has_assets: bool) -> dict[str, object]:
    """Where the document is uploaded, and where the API comes from: the catalog, once it holds anything."""
    about = ABOUT_FILE.format(filesizeformat(settings.UPLOAD_MAX_BYTES))
    file = parts.file_field(about, errors.get("asset.specification", ()), is_required=False)
    mode = form["mode"]
    existing, new = mode.choices
    empty = replace(existing, is_disabled=True, about="The catalog is empty so far")
    if not has_assets:
        form = form | {"mode": replace(mode, choices=(empty, new))}
    return {"file": file, "form": form}


def _nothing(draft: wizard.Draft) -> parts.Values:
    return {}


def _proposed_downstream(draft: wizard.Draft) -> parts.Values:
    made, _ = draft.made()
    port, base_path = listeners.proposed(made.gateway, "http", made.asset.name)
    return {"port": port, "base_path": base_path}


def _proposed_upstream(draft: wizard.Draft) -> parts.Values:
    """The first server of the API's document that says at which host it is."""
    urls = [one["url"] for one in _servers(draft)]
    first = next((url for url in urls if upstream_uri.fault(url) is None), "")
    return {"mode": "simple", "uri": first} if first else {}


def _document(draft: wizard.Draft) -> Specification | None:
    return draft.made()[0].asset.specification


def _servers(draft: wizard.Draft) -> list[dict[str, str]]:
    document = _document(draft)
    return list(document.servers) if document else []


_PROPOSED = {"downstream": _proposed_downstream, "upstream": _proposed_upstream}
"""What a step that was not filled in yet begins with."""


def _downstream_extras(request: Request, draft: wizard.Draft, values: dict[str, Any]) -> dict[str, Any]:
    made, _ = draft.made()
    ports = {
        spoken: listeners.proposed(made.gateway, spoken, made.asset.name)[0]
        for spoken in listeners.USUAL_PORTS
    }
    shown = {"host": host_of(made.gateway), "warnings": draft.warnings(), "ports": ports}
    return choices(draft.environment) | shown


def _upstream_extras(request: Request, draft: wizard.Draft, values: dict[str, Any]) -> dict[str, Any]:
    offered = operations.choice(_document(draft), request.POST)
    return (
        choices(draft.environment)
        | offered
        | {
            "servers": [one for one in _servers(draft) if upstream_uri.fault(one["url"]) is None],
            "relative": next((one["url"] for one in _servers(draft) if one["url"].startswith("/")), ""),
            "echo_url": getattr(settings, "ECHO_URL", None),
            "warnings": placed(draft.warnings(), values) if values else {},
            "weight_sums": weight_sums(values),
        }
    )


def _review_extras(request: Request, draft: wizard.Draft, values: dict[str, Any]) -> dict[str, Any]:
    made, _ = draft.made()
    return {
        "made": made,
        "is_new": not isinstance(made.asset, Asset),
        "host": host_of(made.gateway),
        "warnings": [text for texts in draft.warnings().values() for text in texts],
    }


_EXTRAS = {
    "gateway": _gateway_extras,
    "api": _api_extras,
    "downstream": _downstream_extras,
    "upstream": _upstream_extras,
    "review": _review_extras,
}
