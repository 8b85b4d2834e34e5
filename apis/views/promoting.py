"""Promotion of an API: the table of what is otherwise there, what would change, and doing it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apis.forms.promote import NEW, PromoteForm, errors_by_field
from apis.models import ApiInstance
from apis.portable.rows import portable_of
from apis.portable.seen import as_seen
from apis.promotions import permission, promoting
from apis.promotions.choices import counterparts, proposed, wanted
from apis.promotions.models import Promotion
from apis.promotions.promoting import PromotionPreview
from apis.views.access import api_of, api_to_change, may_deploy_in, may_on, messages_of
from apis.views.frame import frame
from console.forms.schema_form import Choice, Field
from console.models import Environment
from console.permissions import Permission
from console.scope import Request
from console.versions import version


def promote(request: Request, pk: int) -> HttpResponse:
    """`?environment=` says where to; without it the first other one that may be changed."""
    origin = api_of(request, pk, Permission.VIEW_POLICIES)
    known = list(permission.targets(request.user))
    if not known:
        raise PermissionDenied(permission.NOWHERE)
    sent = request.POST if request.method == "POST" else request.GET
    environment = _chosen(origin, known, sent.get("environment", ""))
    form = _form(request, origin, environment, sent.get("counterpart", ""))
    if request.method != "POST":
        return _shown(request, origin, form, known)
    form.read(request.POST)
    return _posted(request, origin, form, known)


@require_POST
def take_back(request: Request, pk: int, promotion: int) -> HttpResponse:
    api = api_to_change(request, pk)
    row = get_object_or_404(Promotion.objects.select_related("api"), pk=promotion, api=api)
    row.api = api
    try:
        messages.success(request, promoting.take_back(request.user, row))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect(api)
    return redirect("apis" if row.made_it else api.get_absolute_url())


def _posted(
    request: Request, origin: ApiInstance, form: PromoteForm, known: list[Environment]
) -> HttpResponse:
    """First what would change; done once that was seen, and is still so."""
    choices = form.choices
    go = request.POST.get("go", "")
    deploy = go == "deploy"
    try:
        whole = wanted(request.user, origin, choices)
        shown = promoting.preview(request.user, whole, choices.counterpart)
        seen = token(form, shown)
        if go not in ("save", "deploy") or request.POST.get("seen", "") != seen:
            return _shown(request, origin, form, known, shown)
        made = promoting.promote(request.user, origin, choices, deploy=deploy)
    except ValidationError as error:
        form.errors = errors_by_field(messages_of(error))
        return _shown(request, origin, form, known)
    messages.success(request, told(form, str(origin), made.api, deploy))
    for note in made.notes:
        messages.info(request, note)
    return redirect(made.api)


def told(form: PromoteForm, origin: str, api: ApiInstance, deploy: bool) -> str:
    """What became of it."""
    place, state = form.environment, promoting.state_of(api, deploy=deploy)
    if form.choices.counterpart:
        return f"Updated {api} in {place} from {origin}; {state}."
    return f"Brought {origin} to {place} as {api}; {state}."


def _form(request: Request, origin: ApiInstance, environment: Environment, key: str) -> PromoteForm:
    found = counterparts(origin, environment)
    chosen = next((one for one in found if str(one.pk) == key), None)
    if not key and found:
        chosen = found[0]
    elif key not in ("", NEW) and chosen is None:
        raise Http404(f"API {key} is no counterpart of this one.")
    choices = proposed(request.user, origin, environment, chosen)
    is_here = environment.pk == origin.environment_id
    source, gateway = str(origin.environment), str(origin.gateway or "")
    whole = as_seen(portable_of(origin), may_on(request, origin))
    return PromoteForm(whole, source, choices, found, gateway, is_here=is_here)


def _chosen(origin: ApiInstance, known: list[Environment], asked: str) -> Environment:
    if not asked:
        others = [one for one in known if one.pk != origin.environment_id]
        same = [one for one in others if one.organization_id == origin.environment.organization_id]
        first = [one for one in same if one.type == Environment.Type.PRODUCTION]
        return next(iter([*first, *same, *others, *known]))
    try:
        pk = UUID(asked)
    except ValueError:
        raise Http404(f"{asked[:40]} is no environment.") from None
    found = next((one for one in known if one.pk == pk), None)
    if found is None:
        raise Http404(f"Environment {asked} not found, or you may not change it.")
    return found


def token(form: PromoteForm, shown: PromotionPreview) -> str:
    """A word for all that was shown."""
    lines = [(one.label, one.before, one.after) for one in (*shown.difference.lines, *shown.beside)]
    counterpart = form.choices.counterpart
    left = promoting.digest(counterpart) if counterpart else ""
    hosts = {name: list(one) for name, one in form.choices.sent_to.items()}
    return version([lines, left, str(form.environment.pk), shown.whole.plain, hosts])


def _shown(
    request: Request,
    origin: ApiInstance,
    form: PromoteForm,
    known: list[Environment],
    preview: PromotionPreview | None = None,
) -> HttpResponse:
    environment = form.environment
    context: dict[str, Any] = {
        "environment": environment,
        "targets": known,
        "environment_field": _environment_field(origin, environment, known),
        "is_here": environment.pk == origin.environment_id,
        "counterpart": form.choices.counterpart,
        "errors": form.errors,
        "preview": preview,
        "seen": token(form, preview) if preview else "",
        "may_keep": permission.may_take_along(request.user, origin.environment),
        "gateway": form.choices.gateway,
        "may_deploy": may_deploy_in(request, environment),
    }
    page = frame(request, origin, "") | context | form.fields()
    response = render(request, "apis/api_promote.html", page, status=422 if form.errors else 200)
    response["Cache-Control"] = "no-store"
    return response


def _environment_field(origin: ApiInstance, chosen: Environment, known: list[Environment]) -> Field:
    return environment_choices(
        [one for one in known if one.pk != origin.environment_id or one == chosen], chosen
    )


def environment_choices(known: Sequence[Environment], chosen: Environment) -> Field:
    """Where to, as a choice."""

    def told(one: Environment) -> str:
        kind = ", production" if one.type == Environment.Type.PRODUCTION else ""
        return f"{one.organization} / {one}{kind}"

    found = tuple(Choice(str(one.pk), told(one), one == chosen) for one in known)
    return Field("choice", "environment", "Environment", choices=found)
