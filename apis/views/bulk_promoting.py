"""Promotion of many APIs: where to, what is planned of each, and one of them to look at and to answer."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apis.bulk import promoting as many
from apis.bulk.models import BulkChange, BulkItem, Plan
from apis.forms.portable_parts import TITLES, read_parts
from apis.forms.promote import NEW, PromoteForm, errors_by_field
from apis.models import ApiInstance
from apis.portable.rows import portable_of
from apis.portable.seen import as_seen
from apis.portable.wanted import PARTS
from apis.promotions import permission, promoting
from apis.promotions.choices import counterparts, wanted
from apis.promotions.promoting import PromotionPreview
from apis.views.access import may_deploy_in, may_on, messages_of
from apis.views.bulk_reach import promotion_to_begin
from apis.views.promoting import environment_choices
from console.forms.schema_form import Field
from console.listing import Listing, Select, listing
from console.models import Environment
from console.permissions import Permission
from console.scope import Request

PAGE_SIZE = 100
REFRESH_SECONDS = 1
UNKNOWN_HELP = "Else each upstream and host of which nobody told what it is there is asked for."


def plans(request: Request, found: BulkChange, errors: dict[str, list[str]] | None = None) -> HttpResponse:
    """Where they go; then what each becomes, as far as it was looked at."""
    target = many.target(found)
    rows = Plan.objects.filter(item__change=found).select_related("item", "made").defer("given", "chosen")
    counts = dict(rows.order_by().values_list("state").annotate(Count("pk")))
    untried = counts.get(Plan.State.UNTRIED, 0)
    state = request.GET.get("state", "")
    shown = listing(
        request,
        "bulk-plans",
        "API",
        rows.filter(state=state) if state in Plan.State.values else rows,
        size=PAGE_SIZE,
        every_seconds=REFRESH_SECONDS if target and untried else 0,
        selects=(Select("state", "State", Plan.State.choices, state),),
    )
    total = sum(counts.values())
    context = {
        "change": found,
        "target": target,
        "total": total or found.items.count(),
        "counts": counts,
        "untried": untried,
        "tried": total - untried,
        "ready": counts.get(Plan.State.READY, 0),
        "seen": many.seen(found) if target and not untried else "",
        "may_deploy": target is not None and may_deploy_in(request, target),
        "errors": errors or {},
        "general": [text for texts in (errors or {}).values() for text in texts],
    }
    if not shown.is_alone:
        context |= _terms(request, found, target)
    response = shown.answer(request, "apis/bulk_promote.html", "apis/_bulk_plans.html", context)
    response.status_code = 422 if errors else 200
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def where(request: Request, pk: UUID) -> HttpResponse:
    """Say where they go and what comes along; they are looked at then."""
    found = promotion_to_begin(request, pk)
    known = _targets(request, found)
    target = next((one for one in known if str(one.pk) == request.POST.get("environment", "")), None)
    if target is None:
        raise Http404("That environment is not found, or you may not promote to it.")
    try:
        many.choose(
            found,
            target,
            takes_unknown="takes_unknown" in request.POST,
            keeps_secrets="keeps_secrets" in request.POST,
            parts=sorted(read_parts(request.POST, frozenset(PARTS))),
        )
    except ValidationError as error:
        return plans(request, found, messages_of(error))
    return redirect(found)


def one(request: Request, pk: UUID, item: int) -> HttpResponse:
    """One of them as a promotion by itself is shown: what it becomes, the difference, and what is asked."""
    found = promotion_to_begin(request, pk)
    row = get_object_or_404(found.items.select_related("plan"), pk=item)
    origin, target = many.origin_of(found, row), many.target(found)
    if origin is None or target is None or not hasattr(row, "plan"):
        messages.error(request, f"{row.name}: {many.GONE if origin is None else many.ELSEWHERE}")
        return redirect(found)
    if "leave" in request.POST or "take" in request.POST:
        many.answer(found, row, None, is_left="leave" in request.POST)
        return redirect(found)
    form = _form(request, found, row.plan, origin, target)
    if request.method != "POST":
        return _shown(request, found, row, origin, form)
    form.read(request.POST)
    if request.POST.get("go") != "keep":
        return _shown(request, found, row, origin, form)
    try:
        many.answer(found, row, form.choices)
    except ValidationError as error:
        form.errors = errors_by_field(messages_of(error))
        return _shown(request, found, row, origin, form)
    row.plan.refresh_from_db()
    if row.plan.state == Plan.State.ASKS:
        messages.warning(request, f"{row.name} needs an answer still, the rest is kept. {row.plan.words}")
    else:
        messages.success(request, f"What you chose for {row.name} is kept.")
    return redirect(found)


def done(request: Request, found: BulkChange, shown: Listing) -> dict[str, Any]:
    """What of it can be taken back, each by itself. What came of it is of the other environment: who sees
    nothing there is not told.
    """
    target = many.target(found)
    if found.by_id != request.user.pk and not (target and target.permits(request.user, Permission.VIEW_APIS)):
        return {"is_elsewhere": True}
    made = [one.plan.made for one in shown.page if hasattr(one, "plan") and one.plan.made]
    if not made or not permission.may_promote_to(request.user, made[0].environment):
        return {}
    return {"taken_back": promoting.offered(one.pk for one in made)}


def _form(
    request: Request, found: BulkChange, plan: Plan, origin: ApiInstance, target: Environment
) -> PromoteForm:
    key = request.POST.get("counterpart") or request.GET.get("counterpart", "")
    known = counterparts(origin, target)
    if key not in ("", NEW, *(str(one.pk) for one in known)):
        raise Http404(f"API {key[:20]} is no counterpart of this one.")
    choices = many.choices_of(found, plan, origin, target, "" if _is_chosen(plan, origin, key) else key)
    written = choices.secrets
    source, gateway = str(origin.environment), str(origin.gateway or "")
    whole = as_seen(portable_of(origin), may_on(request, origin))
    return PromoteForm(whole, source, choices, known, gateway, written=written)


def _is_chosen(plan: Plan, origin: ApiInstance, key: str) -> bool:
    """Whether it is what was answered before: then the rest of the answers holds."""
    return many.is_answered(plan, origin) and str(plan.given["counterpart"] or NEW) == key


def _shown(
    request: Request, found: BulkChange, row: BulkItem, origin: ApiInstance, form: PromoteForm
) -> HttpResponse:
    preview, target = None, form.environment
    if not form.errors:
        preview = _previewed(request, origin, form)
    context: dict[str, Any] = {
        "change": found,
        "item": row,
        "origin": origin,
        "environment": target,
        "is_here": False,
        "counterpart": form.choices.counterpart,
        "errors": form.errors,
        "is_asked": bool(form.errors) and request.method != "POST",
        "preview": preview,
        "may_keep": permission.may_take_along(request.user, origin.environment),
    }
    status = 422 if form.errors and request.method == "POST" else 200
    response = render(request, "apis/bulk_promote_one.html", context | form.fields(), status=status)
    response["Cache-Control"] = "no-store"
    return response


def _previewed(request: Request, origin: ApiInstance, form: PromoteForm) -> PromotionPreview | None:
    try:
        whole = wanted(request.user, origin, form.choices)
        return promoting.preview(request.user, whole, form.choices.counterpart)
    except ValidationError as error:
        form.errors = errors_by_field(messages_of(error))
    return None


def _targets(request: Request, found: BulkChange) -> Sequence[Environment]:
    return list(permission.targets(request.user).exclude(pk=found.environment_id))


def _terms(request: Request, found: BulkChange, target: Environment | None) -> dict[str, Any]:
    """The form of what holds for all of them."""
    known, values = _targets(request, found), found.values
    if not known:
        raise PermissionDenied(permission.NOWHERE)
    same = [one for one in known if one.organization_id == found.environment.organization_id]
    first = [one for one in same if one.type == Environment.Type.PRODUCTION]
    chosen = target or next(iter([*first, *same, *known]))
    parts = values.get("parts", PARTS)
    fields = [
        Field(
            "switch",
            "takes_unknown",
            f"What is not known there is as in {found.environment}",
            UNKNOWN_HELP,
            value=bool(values.get("takes_unknown")),
        )
    ]
    if permission.may_take_along(request.user, found.environment):
        fields.append(
            Field(
                "switch",
                "keeps_secrets",
                f"Take the secrets of {found.environment} along",
                "Those of policies that are new there; else each is asked for.",
                value=bool(values.get("keeps_secrets")),
            )
        )
    fields += [Field("switch", f"with_{name}", TITLES[name], value=name in parts) for name in PARTS]
    return {"where_field": environment_choices(known, chosen), "terms": fields}
