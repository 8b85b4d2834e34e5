"""The SLA tiers of an API: the list, the form, and what is asked before one is deleted."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apis.changes import tiers as change
from apis.changes import versions
from apis.contracts.models import Contract, Tier
from apis.forms import tier as form
from apis.models import ApiInstance
from apis.views.access import api_of, messages_of
from apis.views.application_access import tier_to_change
from apis.views.conflict import of_rows
from apis.views.contract_policies import contract_policies
from apis.views.frame import frame
from console.forms import rows
from console.forms.differences import differences
from console.listing import Select, asked, listing
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed

USING_SHOWN = 10


def index(request: Request, pk: int) -> HttpResponse:
    api = api_of(request, pk, Permission.VIEW_CONTRACTS)
    found = api.tiers.order_by("name", "pk")
    if query := asked(request):
        found = found.filter(Q(name__icontains=query) | Q(description__icontains=query))
    status = Select.of(request, "status", "Status", Tier.Status.choices)
    if status.chosen:
        found = found.filter(status=status.chosen)
    shown = listing(request, "tiers", "SLA tier", found, searches="name or description", selects=(status,))
    context = frame(request, api, "tiers") | {
        "rows": _rows(shown.page),
        "contract_policies": contract_policies(api),
    }
    return shown.answer(request, "apis/api_tiers.html", "apis/_tiers.html", context)


def add(request: Request, pk: int) -> HttpResponse:
    api = api_of(request, pk, Permission.MANAGE_CONTRACTS)
    if request.method != "POST":
        return _form(request, api, None, form.NEW)
    values = form.read(request.POST)
    if rows.wanted(request.POST):
        return _form(request, api, None, values)
    errors = form.faults(values)
    if not errors:
        try:
            made = change.create(request.user, api, **form.fields_of(values))
        except ValidationError as error:
            errors = messages_of(error)
        else:
            messages.success(request, f"Made SLA tier {made}: {made.words}.")
            return redirect("api_tiers", api.pk)
    return _form(request, api, None, values, errors)


def edit(request: Request, pk: int, tier: int) -> HttpResponse:
    row = tier_to_change(request, pk, tier)
    if request.method != "POST":
        return _form(request, row.api, row, form.values_of(row))
    values, late = form.read(request.POST), None
    if rows.wanted(request.POST):
        return _form(request, row.api, row, values)
    errors = form.faults(values)
    if not errors:
        try:
            change.update(request.user, row, seen=request.POST.get("seen", ""), **form.fields_of(values))
        except ValidationError as error:
            errors = messages_of(error)
            row.refresh_from_db()
        except Changed:
            row.refresh_from_db()
            mine, saved = (form.controls(one) for one in (values, form.values_of(row)))
            late = of_rows(row, differences(mine, saved, {}))
        else:
            messages.success(request, f"Saved SLA tier {row}; its limits are in force for who is on it.")
            return redirect("api_tiers", row.api_id)
    return _form(request, row.api, row, values, errors, late=late)


@require_POST
def deprecate(request: Request, pk: int, tier: int) -> HttpResponse:
    """It takes no new applications, or does again."""
    row = tier_to_change(request, pk, tier)
    change.deprecate(request.user, row, is_deprecated=request.POST.get("deprecated") == "true")
    told = (
        "takes new applications again" if row.is_active else "takes no new applications; who is on it stays"
    )
    messages.success(request, f"SLA tier {row} {told}.")
    return redirect("api_tiers", row.api_id)


def delete(request: Request, pk: int, tier: int) -> HttpResponse:
    """Asks first, and says who is on it."""
    row = tier_to_change(request, pk, tier)
    errors: dict[str, list[str]] = {}
    if request.method == "POST":
        try:
            change.delete(request.user, row)
        except ValidationError as error:
            errors = messages_of(error)
        else:
            messages.success(request, f"Deleted SLA tier {row}.")
            return redirect("api_tiers", row.api_id)
    using = Contract.objects.filter(Q(tier=row) | Q(requested_tier=row), api=row.api)
    context = frame(request, row.api, "tiers") | {
        "tier": row,
        "errors": errors,
        "general": [text for texts in errors.values() for text in texts],
        "using": list(using.select_related("application", "tier")[:USING_SHOWN]),
        "using_count": using.count(),
    }
    return render(request, "apis/tier_delete.html", context, status=422 if errors else 200)


def _rows(page: Any) -> list[tuple[Tier, int, int]]:
    """With each, how many contracts are on it and how many ask for it."""
    tiers = list(page)
    on = Contract.objects.filter(tier__in=tiers, status=Contract.Status.APPROVED)
    wanted = Contract.objects.filter(requested_tier__in=tiers).exclude(status=Contract.Status.REJECTED)
    on_it = dict(on.order_by().values_list("tier").annotate(Count("pk")))
    asks = dict(wanted.order_by().values_list("requested_tier").annotate(Count("pk")))
    return [(one, on_it.get(one.pk, 0), asks.get(one.pk, 0)) for one in tiers]


def _form(
    request: Request,
    api: ApiInstance,
    tier: Tier | None,
    values: dict[str, Any],
    errors: dict[str, list[str]] | None = None,
    *,
    late: Any = None,
) -> HttpResponse:
    errors = errors or {}
    page = frame(request, api, "tiers") | {
        "tier": tier,
        "fields": form.controls(values, errors),
        "errors": errors,
        "general": form.general(errors),
        "conflict": late,
        "seen": (not late and request.POST.get("seen")) or (versions.of_tier(tier) if tier else ""),
        "waiting_for_it": tier.requests.count() if tier and not tier.approves_by_itself else 0,
    }
    code = 409 if late else 422 if errors else 200
    return render(request, "apis/tier_form.html", page, status=code)
