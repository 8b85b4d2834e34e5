"""Many APIs changed at once: chosen in the list, confirmed on a page, which then tells how it goes."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST
from pydantic import BaseModel, Field

from apis.automated.models import AutomatedPolicy
from apis.bulk import choosing, reviewing, running
from apis.bulk.actions import ACTIONS
from apis.bulk.models import MOST_APIS, BulkChange, BulkItem
from apis.forms import advanced
from apis.forms.shared_secrets import SharedSecrets
from apis.lists import choices, search
from apis.lists.search import Search
from apis.views import bulk_deploying, bulk_promoting, used
from apis.views.access import environment_of, messages_of
from apis.views.bulk_reach import change_of, change_to_begin
from console.forms import rows, schema_data, schema_form
from console.forms.schema import of_model
from console.listing import Select, listing
from console.numbers import numbers
from console.permissions import Permission
from console.scope import Request, must
from policies import browse, catalog
from policies.policy import Policy

Action = BulkChange.Action
PAGE_SIZE = 50
REFRESH_SECONDS = 1


class TagsForm(BaseModel):
    tags: list[str] = Field([], title="Tags", json_schema_extra={"needed": True})


def index(request: Request) -> HttpResponse:
    """Those of the environment; a POST is the choice of APIs in the list."""
    if request.method == "POST":
        return _ask(request)
    environment = environment_of(request, Permission.VIEW_APIS)
    found = BulkChange.objects.visible_to(request.user).filter(environment=environment)
    begun = found.exclude(state=BulkChange.State.ASKED).select_related("by").defer("values")
    shown = listing(request, "bulk-changes", "bulk change", begun)
    totals = running.totals(list(shown.page))
    context = {"rows": [(one, totals.get(one.pk, {})) for one in shown.page]}
    return shown.answer(request, "apis/bulk_list.html", "apis/_bulk_changes.html", context)


def change(request: Request, pk: UUID) -> HttpResponse:
    """Before it is begun the form of what it needs, and which APIs are meant; then what becomes of each."""
    found = change_of(request, pk)
    if found.state == BulkChange.State.ASKED:
        return _planned(request, found) if found.action == Action.PROMOTE else _confirm(request, found)
    state = request.GET.get("state", "")
    items = found.items.filter(state=state) if state in BulkItem.State.values else found.items.all()
    if found.action == Action.PROMOTE:
        items = items.select_related("plan__made__asset", "plan__made__environment__organization")
    shown = listing(
        request,
        "bulk-items",
        "API",
        items,
        size=PAGE_SIZE,
        every_seconds=REFRESH_SECONDS if found.is_going else 0,
        selects=(Select("state", "Result", BulkItem.State.choices, state),),
    )
    counts = found.counts()
    total = sum(counts.values())
    context = {
        "change": found,
        "counts": counts,
        "total": total,
        "tried": total - counts[BulkItem.State.WAITING],
        "left": counts[BulkItem.State.WAITING] + counts[BulkItem.State.FAILED],
        "can_edit": ACTIONS[found.action].needs in request.scope.may,
    }
    if found.action == Action.PROMOTE:
        context |= bulk_promoting.done(request, found, shown)
    return shown.answer(request, "apis/bulk_change.html", "apis/_bulk_items.html", context)


def policy(request: Request, pk: UUID) -> HttpResponse:
    """The catalog, to choose what is applied to all of them."""
    found = change_to_begin(request, pk)

    def href(one: browse.Listed) -> str:
        return f"{reverse('bulk_change', args=[found.pk])}?policy={one.name}"

    context = browse.context(request, href) | {"change": found, "applied": ()}
    return render(request, "apis/bulk_policy.html", context)


@require_POST
def start(request: Request, pk: UUID) -> HttpResponse:
    """Sent twice, it begins once, and both lead to it."""
    found = change_of(request, pk)
    must(request, ACTIONS[found.action].needs)
    if found.state != BulkChange.State.ASKED:
        return redirect(found)
    if rows.wanted(request.POST):
        return _confirm(request, found)
    if found.action == Action.PROMOTE:
        return _start_planned(request, found)
    try:
        _check_confirmed(request, found)
        if reviewing.is_reviewed(found):
            reviewing.check(found)
        values, _ = _values(request, found)
        if unread := advanced.unread(values.pop("typed", {})):
            raise ValidationError(unread)
        running.start(found, values)
    except ValidationError as error:
        return _confirm(request, found, messages_of(error))
    return redirect(found)


@require_POST
def stop(request: Request, pk: UUID) -> HttpResponse:
    found = change_of(request, pk)
    must(request, ACTIONS[found.action].needs)
    running.stop(found)
    messages.success(request, "Stopped. What was done stays done.")
    return redirect(found)


@require_POST
def again(request: Request, pk: UUID) -> HttpResponse:
    """For those that failed or were not reached."""
    found = change_of(request, pk)
    must(request, ACTIONS[found.action].needs)
    try:
        if found.by_id != request.user.pk:
            raise ValidationError(f"{found.by} began it; choose the APIs in the list yourself.")
        new = running.again(request.user, found)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect(found)
    return redirect(new)


@require_POST
def restore(request: Request, pk: UUID) -> HttpResponse:
    """What a deletion of many deleted comes back; what cannot says why."""
    found = change_of(request, pk)
    must(request, Permission.MANAGE_APIS)
    try:
        if found.action != Action.DELETE or found.is_going:
            raise ValidationError("Only a deletion that has ended can be taken back.")
        return redirect(running.take_back(request.user, found))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect(found)


def _ask(request: Request) -> HttpResponse:
    environment = environment_of(request)
    action = request.POST.get("action", "")
    if action in ACTIONS:
        must(request, ACTIONS[action].needs)
    asked = Search.of(request.POST)
    meant: choosing.Ids
    if request.POST.get("environment") != str(environment.pk):
        # Another tab went elsewhere: "all that match" would be others.
        messages.error(request, f"You work in {environment} meanwhile; choose the APIs once more.")
        return redirect("apis")
    if request.POST.get("all"):
        meant = search.matching(environment, asked, request.scope.held, request.user).order_by().values("pk")
    else:
        meant = numbers(request.POST.getlist("api")[: MOST_APIS + 1])
    try:
        made = choosing.ask(request.user, environment, action, meant)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect(f"{reverse('apis')}?{asked.query}")
    return redirect("bulk_policy" if made.action == Action.POLICY else "bulk_change", made.pk)


def _planned(request: Request, found: BulkChange, errors: dict[str, list[str]] | None = None) -> HttpResponse:
    must(request, ACTIONS[found.action].needs)
    return bulk_promoting.plans(request, found, errors)


def _start_planned(request: Request, found: BulkChange) -> HttpResponse:
    told = {"deploy": request.POST.get("go") == "deploy", "seen": request.POST.get("seen", "")}
    try:
        running.start(found, {**found.values, **told})
    except ValidationError as error:
        return _planned(request, found, messages_of(error))
    return redirect(found)


def _check_confirmed(request: Request, found: BulkChange) -> None:
    wanted = _typed(found)
    if wanted and request.POST.get("confirm", "").strip() != wanted:
        raise ValidationError({"confirm": [f'Type "{wanted}" to delete them.']})


def _typed(found: BulkChange) -> str:
    """What is to be typed before it begins; "" where nothing is."""
    return f"delete {found.meant}" if found.action == Action.DELETE else ""


def _confirm(request: Request, found: BulkChange, errors: dict[str, list[str]] | None = None) -> HttpResponse:
    must(request, ACTIONS[found.action].needs)
    values, chosen = _values(request, found)
    if found.action == Action.POLICY and chosen is None:
        return redirect("bulk_policy", found.pk)
    errors = errors or {}
    form = _fields(found, values, chosen, errors)
    named = {field.name for field in form}
    shown = listing(request, "bulk-meant", "API", found.items.all(), size=PAGE_SIZE)
    context = {
        "change": found,
        "action": found.get_action_display(),
        "warning": _warning(found),
        "about": ACTIONS[found.action].about,
        "days": settings.REMOVED_KEEP_DAYS,
        "policy": chosen,
        "shared_secrets": SharedSecrets(found.environment),
        "form": [one for one in form if not one.is_advanced],
        "more": [one for one in form if one.is_advanced],
        "errors": errors,
        "general": [
            text
            for name, texts in errors.items()
            if name.split(".")[0] not in named | {"config"}
            for text in texts
        ],
        "uses": _uses(request, found),
        "reviewed": bulk_deploying.reviewed(found) if reviewing.is_reviewed(found) else [],
    }
    response = shown.answer(request, "apis/bulk_confirm.html", "apis/_bulk_meant.html", context)
    response.status_code = 422 if errors else 200
    response["Cache-Control"] = "no-store"
    return response


def _warning(found: BulkChange) -> str:
    """What callers notice of it, in this environment."""
    place = found.environment
    if found.action == Action.POLICY and not place.deploys_on_save:
        return "On APIs that are deployed it waits, beside what is pending, until somebody deploys it."
    by_tags = AutomatedPolicy.objects.filter(environment=place, is_disabled=False).exclude(tags=[])
    if found.action in (Action.TAG, Action.UNTAG) and by_tags.exists():
        return "Automated policies that go by tags begin or end at once on APIs whose tags change."
    return ACTIONS[found.action].warning


def _uses(request: Request, found: BulkChange) -> list[used.UsedBy]:
    if found.action != Action.DELETE:
        return []
    keys = found.items.order_by().values_list("api_key", flat=True)
    return used.uses(request, request.scope.may, keys, found.meant)


def _values(request: Request, found: BulkChange) -> tuple[dict[str, Any], Policy[Any] | None]:
    """What the form says, or how it begins, with the policy that is meant, if any."""
    data = rows.changed(request.POST) if rows.wanted(request.POST) else request.POST
    if found.action in (Action.TAG, Action.UNTAG):
        return schema_data.read(TagsForm.model_json_schema(), data, prefix=""), None
    if found.action == Action.DEPLOY:
        return {"gateway": data.get("gateway", ""), **bulk_deploying.values(data)}, None
    name = data.get("policy", "") or request.GET.get("policy", "")
    if found.action != Action.POLICY or not name:
        return {}, None
    try:
        chosen = catalog.find(name)
    except catalog.UnknownPolicy as error:
        raise Http404(str(error)) from error
    schema = of_model(chosen.config)
    is_sent = request.method == "POST"
    more = advanced.read(data) if is_sent else {}
    return {
        "policy": chosen.name,
        "config": schema_data.read(schema, data) if is_sent else {},
        "conditions": advanced.conditions(chosen, more),
        "label": more.get("label", ""),
        "mode": more.get("mode") or "enforce",
        "typed": more,
    }, chosen


def _fields(
    found: BulkChange, values: dict[str, Any], chosen: Policy[Any] | None, errors: dict[str, list[str]]
) -> list[schema_form.Field]:
    if found.action in (Action.TAG, Action.UNTAG):
        tags = schema_form.fields(TagsForm.model_json_schema(), values, errors, prefix="")
        return schema_form.offering(tags, "tags", choices.tags(found.environment, PAGE_SIZE))
    if found.action == Action.DEPLOY:
        return [_gateway_field(found, values, errors), *bulk_deploying.fields(values, errors)]
    made: list[schema_form.Field] = []
    if wanted := _typed(found):
        made.append(
            schema_form.Field(
                "text",
                "confirm",
                f"Type {wanted} to confirm",
                is_required=True,
                value="",
                errors=tuple(errors.get("confirm", ())),
                attributes={"autocomplete": "off"},
            )
        )
    if chosen:
        schema = of_model(chosen.config)
        made += schema_form.fields(schema, values["config"], errors)
        also = advanced.fields(values["typed"], errors)
        wanted_fields = ["mode"] * chosen.can_observe
        wanted_fields += ["applies", "conditions"] * chosen.has_conditions + ["label"]
        made += [also[name] for name in wanted_fields]
    return made


def _gateway_field(
    found: BulkChange, values: dict[str, Any], errors: dict[str, list[str]]
) -> schema_form.Field:
    key = values.get("gateway", "")
    options = [("", "None: those without one fail"), *choices.gateways(found.environment)]
    return schema_form.Field(
        "choice",
        "gateway",
        "Gateway, where none is chosen",
        "APIs that have a gateway are deployed to that one.",
        value=key,
        errors=tuple(errors.get("gateway", ())),
        choices=tuple(schema_form.Choice(value, words, value == key) for value, words in options),
    )
