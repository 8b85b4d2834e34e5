"""The contracts of an API: the list, one of them, and what is decided about it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apis.changes import contracts as change
from apis.contracts import access
from apis.contracts.models import Contract
from apis.forms.contract import DECISIONS, AnswerForm, ContractAction, decisions
from apis.models import ApiInstance
from apis.views.access import api_of, messages_of
from apis.views.application_access import contract_of
from apis.views.contract_policies import contract_policies
from apis.views.contract_rows import ContractRow, rows_of_api
from apis.views.frame import frame
from console.listing import Select, asked, listing
from console.models import AuditEntry, Organization
from console.numbers import number, numbers
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed

HISTORY_SHOWN = 20
TIER_WANTED = "tier"
STATES = (*Contract.Status.choices, (TIER_WANTED, "Asks for another tier"))
MOST_AT_ONCE = 100
MOST_TIERS = 100
"""To choose from beside the list."""


def index(request: Request, pk: int) -> HttpResponse:
    api = api_of(request, pk, Permission.VIEW_CONTRACTS)
    found = api.contracts.all()
    if query := asked(request):
        named = Q(application__name__icontains=query) | Q(application__client_id__startswith=query.lower())
        found = found.filter(named)
    status = Select.of(request, "status", "Status", STATES)
    if status.chosen == TIER_WANTED:
        found = found.filter(status__in=("APPROVED", "REVOKED"), requested_tier__isnull=False)
    elif status.chosen:
        found = found.filter(status=status.chosen)
    tier = _tier_select(request, api)
    if (chosen := number(tier.chosen)) is not None:
        found = found.filter(Q(tier=chosen) | Q(requested_tier=chosen))
    shown = listing(
        request,
        "contracts",
        "contract",
        found,
        searches="application or client id",
        selects=(status, tier) if tier.options else (status,),
    )
    rows = rows_of_api(api, shown.page)
    context = frame(request, api, "contracts") | {
        "rows": rows,
        "contract_policies": contract_policies(api),
        "is_hidden": access.is_hidden(api),
        "may_ask": access.may_create_application(request.user, api.environment.organization),
        "has_pending": any(row.contract.status == Contract.Status.PENDING for row in rows),
    }
    return shown.answer(request, "apis/api_contracts.html", "apis/_contracts.html", context)


def detail(request: Request, pk: int, contract: int) -> HttpResponse:
    row = contract_of(request, pk, contract)
    context = frame(request, row.api, "contracts") | {
        "contract": row,
        "row": ContractRow(row),
        "decisions": decisions(row),
        "entries": AuditEntry.objects.seen_by(request.scope.held).about("contract", [row.pk])[:HISTORY_SHOWN],
        "may_see_application": _sees(request, row),
    }
    return render(request, "apis/contract_detail.html", context)


def decide(request: Request, pk: int, contract: int, verb: str) -> HttpResponse:
    """A page of its own or, for htmx, a dialog over the list."""
    row = contract_of(request, pk, contract, to_change=True)
    decision = DECISIONS.get(verb)
    if decision is None:
        raise Http404(f"Nothing is called {verb}.")
    if request.method != "POST":
        if not decision.fits(row):
            messages.warning(request, _late(row))
            return redirect("api_contract", row.api_id, row.pk)
        return _answer(request, row, decision, AnswerForm(decision, row))
    form = AnswerForm(decision, row, request.POST)
    if form.is_valid():
        told = {"application": row.application, "api": row.api}
        try:
            _do(request, row, verb, form)
        except ValidationError as error:
            for field, texts in messages_of(error).items():
                form.add_error(field if field in form.fields else None, texts)
            row = contract_of(request, pk, contract, to_change=True)
        except Changed:
            row = contract_of(request, pk, contract, to_change=True)
            form.add_error(None, _late(row))
        else:
            messages.success(request, decision.done.format(**told))
            return redirect("api_contracts", pk)
    return _answer(request, row, decision, form)


@require_POST
def approve_several(request: Request, pk: int) -> HttpResponse:
    """Those of the chosen ones that wait, each on the tier that it asks for."""
    api = api_of(request, pk, Permission.MANAGE_CONTRACTS)
    ids = numbers(request.POST.getlist("contract"))[:MOST_AT_ONCE]
    waiting = api.contracts.filter(pk__in=ids, status=Contract.Status.PENDING)
    done, refused = 0, []
    for row in waiting.select_related("application", "requested_tier").order_by("pk"):
        row.api = api
        try:
            change.approve(request.user, row, seen=Contract.Status.PENDING)
        except (ValidationError, Changed, Http404) as error:
            refused.append(f"{row.application}: {_why(error)}")
        else:
            done += 1
    if done:
        messages.success(request, f"Approved {done} contract{'' if done == 1 else 's'}.")
    for text in refused[:3]:
        messages.error(request, f"Not approved: {text}")
    if not done and not refused:
        messages.warning(request, "None of the chosen contracts waits to be approved.")
    return redirect("api_contracts", api.pk)


def _tier_select(request: Request, api: ApiInstance) -> Select:
    """Of few tiers to choose from; the one that the address asks for is among them."""
    rows = [(str(pk), name) for pk, name in api.tiers.order_by("name").values_list("pk", "name")[:MOST_TIERS]]
    chosen = request.GET.get("tier", "")
    if chosen and chosen not in dict(rows):
        named = api.tiers.filter(pk=number(chosen) or 0).values_list("name", flat=True).first()
        rows += [(chosen, named)] if named else []
    return Select("tier", "Tier", rows, chosen)


def _do(request: Request, row: Contract, verb: str, form: AnswerForm) -> None:
    actor, given = request.user, form.cleaned_data
    answer, seen = given.get("answer", ""), given["seen"]
    if verb == "approve":
        change.approve(actor, row, answer=answer, tier=form.chosen, seen=seen)
    elif verb in ("reject", "revoke", "restore"):
        getattr(change, verb)(actor, row, answer=answer, seen=seen)
    elif verb == "change-tier":
        change.change_tier(actor, row, form.chosen, answer=answer)
    elif verb == "approve-tier":
        change.approve_tier(actor, row, answer=answer)
    elif verb == "reject-tier":
        change.reject_tier(actor, row, answer=answer)
    else:
        change.delete(actor, row)


def _answer(request: Request, row: Contract, decision: ContractAction, form: AnswerForm) -> HttpResponse:
    is_dialog = bool(request.htmx)
    context: dict[str, Any] = {"contract": row, "decision": decision, "form": form, "api": row.api}
    if not is_dialog:
        context |= frame(request, row.api, "contracts")
    page = "apis/_contract_dialog.html" if is_dialog else "apis/contract_decide.html"
    return render(request, page, context, status=422 if form.errors else 200)


def _sees(request: Request, row: Contract) -> bool:
    """Whether the user may open the application's own page."""
    seen = Organization.objects.visible_to(request.user, Permission.VIEW_CONTRACTS)
    return seen.filter(pk=row.application.organization_id).exists()


def _late(row: Contract) -> str:
    return f"The contract of {row.application} is {row.get_status_display().lower()} by now."


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    return "it was changed meanwhile."
