"""The pages of who owns client applications and may have no role at all: their applications, credentials,
contracts with limits, and nothing of how APIs are built.
"""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from apis import traffic
from apis.addresses import curl_address
from apis.changes import contracts as change
from apis.contracts import access
from apis.contracts.models import Application, Contract, Tier
from apis.forms.access_request import TierWish
from apis.forms.tier_choice import Tiers
from apis.views.access import messages_of, posted
from apis.views.application_access import own_application, own_contract
from apis.views.application_page import SOON, page
from apis.views.applications import add_to, rows_of
from apis.views.contract_policies import contract_policies, up_to_limits
from apis.views.contract_rows import ContractRow
from console.listing import asked, listing
from console.models import Organization
from console.scope import Request

SHORTEST_MS = 60_000
"""Of a limit whose use is told: gateways count as it happens, the console hears of it some seconds later."""


def index(request: Request) -> HttpResponse:
    found = Application.objects.owned_by(request.user).select_related("organization")
    if query := asked(request):
        found = found.filter(Q(name__icontains=query) | Q(client_id__startswith=query.lower()))
    listed = listing(request, "applications", "application", found, searches="name or client id")
    context = {
        "rows": rows_of(listed.page),
        "now": timezone.now(),
        "soon": timezone.now() + SOON,
        "organizations": _organizations(request),
    }
    return listed.answer(request, "apis/consumer_index.html", "apis/_consumer_applications.html", context)


def add(request: Request, organization: UUID) -> HttpResponse:
    """Another application, where the user owns one already."""
    return add_to(
        request,
        get_object_or_404(_organizations(request), pk=organization),
        "apis/consumer_base.html",
        "consumer",
    )


def application(request: Request, pk: int) -> HttpResponse:
    row = own_application(request, pk)
    listed, context = page(request, row, row.contracts.all())
    return listed.answer(request, "apis/consumer_application.html", "apis/_consumer_contracts.html", context)


def contract(request: Request, pk: int) -> HttpResponse:
    row = own_contract(request, pk)
    shown = ContractRow(row)
    context = {
        "contract": row,
        "row": shown,
        "application": row.application,
        "uses": _uses(row) if row.tier and row.status == Contract.Status.APPROVED else [],
        "call": _call(row) if row.status == Contract.Status.APPROVED else None,
        "may_ask_for_tier": _other_tiers(row).exists() and row.status in ("PENDING", "APPROVED"),
        "may_take_back": access.may_delete_contract(request.user, row) and row.status != "APPROVED",
    }
    return render(request, "apis/consumer_contract.html", context)


def tier(request: Request, pk: int) -> HttpResponse:
    """Ask for another tier; or, with `go=back`, no longer."""
    row = own_contract(request, pk)
    now = str(row.requested_tier_id or row.tier_id or "")
    form = TierWish(Tiers(_other_tiers(row), tells_hidden=False), posted(request), initial={"tier": now})
    if request.method == "POST" and request.POST.get("go") == "back":
        return _done(request, row, lambda: change.ask_for_tier(request.user, row, None))
    if form.is_valid():
        chosen, reason = form.chosen, form.cleaned_data["reason"]
        try:
            change.ask_for_tier(request.user, row, chosen, reason=reason)
        except ValidationError as error:
            for field, texts in messages_of(error).items():
                form.add_error(field if field in form.fields else None, texts)
        else:
            messages.success(request, _told(row))
            return redirect("consumer_contract", row.pk)
    context = {"form": form, "contract": row, "application": row.application}
    return render(request, "apis/consumer_tier.html", context, status=422 if form.errors else 200)


@require_POST
def delete(request: Request, pk: int) -> HttpResponse:
    """Take back what waits to be decided."""
    row = own_contract(request, pk)
    if not access.may_delete_contract(request.user, row):
        raise PermissionDenied("Only what waits to be approved can be taken back.")
    owner = row.application_id
    try:
        change.delete(request.user, row)
    except ValidationError as error:
        messages.error(request, " ".join(text for texts in messages_of(error).values() for text in texts))
        return redirect("consumer_contract", pk)
    messages.success(request, f"Took back the request for {row.api}.")
    return redirect("consumer_application", owner)


def _organizations(request: Request) -> QuerySet[Organization]:
    """In which the user owns an application."""
    owned = Application.objects.owned_by(request.user).order_by().values("organization")
    return Organization.objects.filter(pk__in=owned)


def _done(request: Request, row: Contract, do: Any) -> HttpResponse:
    try:
        do()
    except ValidationError as error:
        messages.error(request, " ".join(text for texts in messages_of(error).values() for text in texts))
    else:
        messages.success(request, "It stays on the tier that it has.")
    return redirect("consumer_contract", row.pk)


def _told(row: Contract) -> str:
    if row.requested_tier is None:
        return f"{row.application} is on tier {row.tier} now."
    return f"Asked for tier {row.requested_tier}. Somebody who manages the API decides about it."


def _other_tiers(row: Contract) -> Any:
    found = row.api.tiers.filter(status=Tier.Status.ACTIVE)
    return found.exclude(pk=row.tier_id) if row.tier_id else found


def _uses(row: Contract) -> list[dict[str, Any]]:
    """Of each limit that consumers are told: what is used of it, as far as it is known."""
    assert row.tier
    limits = row.tier.visible_limits
    told = [one for one in limits if one.period_ms >= SHORTEST_MS]
    calls = traffic.ApplicationCalls.of(row.application, [row.api_id])
    used = traffic.used(calls, [one.period_ms for one in told], up_to_limits(row.api))
    counts = dict(zip(told, used, strict=False))
    return [
        {
            "limit": one,
            "used": min(counts[one], one.requests) if one in counts else None,
            "left": max(one.requests - counts[one], 0) if one in counts else None,
        }
        for one in limits
    ]


def _call(row: Contract) -> dict[str, Any]:
    """How the API is called with these credentials."""
    how = contract_policies(row.api).how
    address = curl_address(row.api)
    command = f"curl -i {address}"
    if how and how.is_basic:
        command = f"curl -i -u {row.application.client_id}:CLIENT_SECRET {address}"
    elif how and how.id_header:
        told = [f"-H '{how.id_header}: {row.application.client_id}'"]
        told += [f"-H '{how.secret_header}: CLIENT_SECRET'"] if how.secret_header else []
        command = f"curl -i {' '.join(told)} {address}"
    return {"how": how, "command": command, "address": address}
