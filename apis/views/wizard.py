"""The Add API wizard: one address a step, each checked before the next; what is typed survives them all."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apis import specification
from apis.addresses import host_of
from apis.change import create_api
from apis.forms import parts, wizard
from apis.forms.routes import weight_sums
from apis.models import Asset
from apis.views.access import environment_to_change, messages_of
from apis.views.tls_contexts import choices
from console.scope import Request
from policies import rows

ASSETS_SHOWN = 12
REVIEW = "review"


def add(request: Request, name: str = "gateway") -> HttpResponse:
    draft = wizard.Draft(request, environment_to_change(request))
    step = wizard.step(name)
    if step is None:
        raise Http404(f'The wizard has no step "{name}".')
    if request.method == "POST":
        return _review(request, draft) if name == REVIEW else _posted(request, draft, step)
    open_step = draft.first_open(step)
    if open_step != step:
        for texts in draft.errors(open_step).values() if open_step.name in draft.values else ():
            messages.error(request, " ".join(texts))
        return redirect("api_add_step", open_step.name)
    return _shown(request, draft, step, {})


@require_POST
def start_over(request: Request) -> HttpResponse:
    wizard.Draft(request, environment_to_change(request)).forget()
    return redirect("api_add")


def _posted(request: Request, draft: wizard.Draft, step: wizard.Step) -> HttpResponse:
    """Keep what was typed, then do what the button says: check and go on, go back, or show the form again."""
    data = rows.changed(request.POST) if rows.wanted(request.POST) else request.POST
    values = parts.read(step.name, data)
    if step.name == "api":
        values = wizard.with_specification(values, request, draft.values.get("api", {}))
    draft.keep(step.name, values)
    go = request.POST.get("go", "")
    if go == "back":
        return redirect("api_add_step", wizard.beside(step, -1).name)
    if go == "stay" or rows.wanted(request.POST):
        return _shown(request, draft, step, {})
    if errors := draft.errors(step):
        return _shown(request, draft, step, errors, status=422)
    return redirect("api_add_step", wizard.beside(step, 1).name)


def _review(request: Request, draft: wizard.Draft) -> HttpResponse:
    step = wizard.STEPS[-1]
    if request.POST.get("go") == "back":
        return redirect("api_add_step", wizard.beside(step, -1).name)
    made, errors = draft.made()
    deploy = request.POST.get("go") == "deploy"
    try:
        if errors:
            raise ValidationError(errors)
        api = create_api(request.user, draft.environment, made, deploy=deploy)
    except ValidationError as error:
        return _shown(request, draft, step, messages_of(error), status=422)
    draft.forget()
    done = (
        f"Saved {api}; it is being deployed to {api.gateway}."
        if deploy
        else f"Saved {api}. It is not deployed yet."
    )
    messages.success(request, done)
    return redirect(api)


def _shown(
    request: Request, draft: wizard.Draft, step: wizard.Step, errors: parts.Errors, status: int = 200
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
        "has_draft": bool(draft.values),
    }
    values = draft.values.get(step.name, {})
    if step.name != REVIEW:
        context["form"] = parts.fields(step.name, values, errors)
    context |= _EXTRAS[step.name](request, draft, values)
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
    for word in text.split():
        found = found.filter(name__icontains=word) | found.filter(asset_id__icontains=word)
    key = str(values.get("key", ""))
    shown = list(found[:ASSETS_SHOWN])
    if key.isdecimal() and key not in {str(one.pk) for one in shown}:
        shown = [*known.filter(pk=key), *shown]
    text_of = values.get("specification", "")
    return {
        "assets": shown,
        "more": max(0, found.count() - ASSETS_SHOWN),
        "asset_q": text,
        "has_assets": known.exists(),
        "key": key,
        "document": specification.check(text_of) if text_of else None,
        "document_name": values.get("specification_name", ""),
    }


def _downstream_extras(request: Request, draft: wizard.Draft, values: dict[str, Any]) -> dict[str, Any]:
    made, _ = draft.made()
    return choices(draft.environment) | {"host": host_of(made.gateway), "warnings": draft.warnings()}


def _upstream_extras(request: Request, draft: wizard.Draft, values: dict[str, Any]) -> dict[str, Any]:
    return choices(draft.environment) | {
        "echo_url": getattr(settings, "ECHO_URL", None),
        "warnings": draft.warnings() if values else {},
        "weight_sums": weight_sums(values),
    }


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
