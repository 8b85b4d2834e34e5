"""Automated policies: the list in request order, the catalog to add from, the form, and whom each covers."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apis import traffic
from apis.automated import coverage as covering
from apis.automated.coverage import Coverage
from apis.automated.models import AutomatedPolicy, PolicySet
from apis.changes import automated as change
from apis.changes import noting
from apis.removed import Removed, RemovedQuerySet
from apis.rules.policy_place import in_front, numbered
from apis.views import automated_impact
from apis.views.access import (
    automated_of,
    automated_to_change,
    environment_of,
    messages_of,
)
from apis.views.automated_form import AutomatedForm, policy_of, set_asked
from apis.views.automated_impact import counts_of
from apis.views.lane import held_of
from console import audit
from console.forms import rows
from console.listing import Select, asked, listing
from console.models import Environment
from console.numbers import numbers
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed
from console.words import words
from policies import browse
from policies.policy import Policy

HISTORY_SHOWN = 20
GONE_SHOWN = 20
COVERED_SHOWN = 25
COVERED, NOT_COVERED, CONFLICTING = "covered", "not-covered", "conflict"
STATES = ((COVERED, "Covered"), (NOT_COVERED, "Not covered"), (CONFLICTING, "Has it of its own"))


def index(request: Request) -> HttpResponse:
    environment = environment_of(request, Permission.VIEW_POLICIES)
    return _list(request, environment, list(environment.automated_policies.all()))


def reorder(request: Request) -> HttpResponse:
    """A row button shows the list in its new order; "Apply order" saves it."""
    environment = environment_of(request, Permission.MANAGE_POLICIES)
    if request.method != "POST":
        return redirect("automated_policies")
    found = {str(one.pk): one for one in environment.automated_policies.all()}
    is_step, seen = rows.wanted(request.POST), request.POST.get("seen", "")
    wanted = (rows.changed(request.POST) if is_step else request.POST).getlist("ids")
    if is_step and sorted(wanted) == sorted(found):
        moved = numbered([found[key] for key in wanted])
        is_moved = [str(one.pk) for one in moved] != list(found)
        return _list(request, environment, moved, is_moved=is_moved, seen=seen)
    try:
        ids = numbers(wanted)
        change.reorder(request.user, environment, ids, seen=seen)
    except ValidationError as error:
        return _refused(request, error)
    except Changed:
        messages.error(request, "The automated policies changed meanwhile; here they are as they are now.")
    else:
        told = in_front([found[str(pk)] for pk in ids])
        messages.success(request, f"The automated policies run in the new order. {told}".strip())
    return redirect("automated_policies")


def add(request: Request) -> HttpResponse:
    """The catalog's policies on requests to APIs, to choose from."""
    environment = environment_of(request, Permission.MANAGE_POLICIES)
    policy_set = set_asked(request, environment)
    more = f"?set={policy_set.pk}" if policy_set else ""

    def href(policy: browse.Listed) -> str:
        return reverse("automated_policy_new", args=[policy.name]) + more

    context = browse.context(request, href, side=browse.INBOUND)
    context["policy_set"] = policy_set
    context["applied"] = set(environment.automated_policies.values_list("policy", flat=True))
    return render(request, "apis/automated_add.html", context)


def new(request: Request, name: str) -> HttpResponse:
    """`?set=` names the policy set that it is to be of."""
    environment = environment_of(request, Permission.MANAGE_POLICIES)
    return _form(request, environment, policy_of(name), None, set_asked(request, environment))


def edit(request: Request, pk: int) -> HttpResponse:
    """Who may not edit reads the same form, with secrets left out."""
    row = automated_to_change(request, pk) if request.method == "POST" else automated_of(request, pk)
    return _form(request, row.environment, policy_of(row.policy), row)


def detail(request: Request, pk: int) -> HttpResponse:
    """Which APIs it covers, and why it does not cover the others."""
    row = automated_of(request, pk)
    state = Select.of(request, "coverage", "Coverage", STATES)
    everything, wanted = covering.coverage(row), words(asked(request))
    found = [one for one in everything if _is_asked(one, state.chosen, wanted)]
    shown = listing(request, "coverage", "API", found, searches="name, label or tag", selects=(state,))
    context = {
        "row": row,
        "held": held_of(row),
        "observed": traffic.observed_by_automated([row]),
        "counts": counts_of(everything),
        "entries": audit.history(row)[:HISTORY_SHOWN],
        "gateways": _gateways(row),
        "noting": noting.going(row.environment),
    }
    return shown.answer(request, "apis/automated_detail.html", "apis/_automated_coverage.html", context)


@require_POST
def disable(request: Request, pk: int) -> HttpResponse:
    return _switch(request, automated_to_change(request, pk), True)


@require_POST
def enable(request: Request, pk: int) -> HttpResponse:
    return _switch(request, automated_to_change(request, pk), False)


@require_POST
def enforce(request: Request, pk: int) -> HttpResponse:
    """From telling what it would refuse to refusing it, and back, which the list offers then."""
    row, modes = automated_to_change(request, pk), AutomatedPolicy.Mode
    is_back = request.POST.get("mode") == modes.OBSERVE
    try:
        change.set_mode(request.user, row, modes.OBSERVE if is_back else modes.ENFORCE)
    except ValidationError as error:
        return _refused(request, error)
    if is_back:
        messages.success(request, f"{row} only observes again, and refuses nothing.")
        return redirect("automated_policies")
    messages.success(request, f"{row} refuses from now on what it finds wrong.")
    return redirect(f"{reverse('automated_policies')}?enforced={row.pk}")


@require_POST
def delete(request: Request, pk: int) -> HttpResponse:
    row = automated_to_change(request, pk)
    try:
        change.delete(request.user, row)
    except ValidationError as error:
        return _refused(request, error)
    messages.success(request, f"Deleted automated policy {row}. What rested for it runs again.")
    return redirect("automated_policies")


@require_POST
def restore(request: Request, removed: int) -> HttpResponse:
    kept = get_object_or_404(_deleted(environment_of(request, Permission.MANAGE_POLICIES)), pk=removed)
    try:
        row = change.restore(request.user, kept)
    except ValidationError as error:
        return _refused(request, error)
    messages.success(request, f"{row} is back in its place.")
    return redirect("automated_policies")


def _deleted(environment: Environment) -> RemovedQuerySet:
    rows = Removed.objects.there().filter(environment=environment, kind=Removed.Kind.AUTOMATED)
    return rows.select_related("by", "environment__organization")


def _list(
    request: Request,
    environment: Environment,
    found: list[AutomatedPolicy],
    is_moved: bool = False,
    seen: str = "",
) -> HttpResponse:
    counts = covering.counts(environment, found)
    shown = [held_of(one) for one in found]
    context = {
        "automated": [(held, counts[held.binding.pk]) for held in shown],
        "observed": traffic.observed_by_automated(found),
        "fixed": sum(held.runs_first for held in shown),
        "api_count": environment.api_instances.count(),
        "gone": _deleted(environment).defer("saved")[:GONE_SHOWN],
        "is_moved": is_moved,
        "noting": noting.going(environment),
        "seen": seen or change.order_version(environment),
    }
    return render(request, "apis/automated_list.html", context)


def _form(
    request: Request,
    environment: Environment,
    policy: Policy[Any],
    row: AutomatedPolicy | None,
    policy_set: PolicySet | None = None,
) -> HttpResponse:
    form = AutomatedForm(environment, policy, row, request.POST.get("seen", ""), policy_set)
    if request.method == "POST":
        form.read(rows.changed(request.POST) if rows.wanted(request.POST) else request.POST)
        if not rows.wanted(request.POST) and form.save(request.user):
            assert form.row is not None
            deployed = len([one for one in covering.coverage(form.row) if one.is_covered])
            many = f"{deployed} API{'' if deployed == 1 else 's'}"
            messages.success(request, f"{'Saved' if row else 'Added'} {form.row}; it covers {many}.")
            return redirect(form.policy_set or form.row)
    page = form.context() | automated_impact.beside(form, request.POST)
    response = render(request, "apis/automated_form.html", page, status=form.status)
    response["Cache-Control"] = "no-store"
    return response


def _is_asked(one: Coverage, state: str, looked_for: list[str]) -> bool:
    if state and state not in (
        COVERED if one.is_covered else NOT_COVERED,
        CONFLICTING if one.has_own else "",
    ):
        return False
    if not looked_for:
        return True
    text = " ".join((one.api.name, one.api.label, *one.api.tags)).casefold()
    return all(word.casefold() in text for word in looked_for)


def _gateways(row: AutomatedPolicy) -> list[str]:
    known = dict(row.environment.gateways.values_list("pk", "name"))
    return [known.get(pk, "one that was deleted") for pk in row.gateways]


def _switch(request: Request, row: AutomatedPolicy, is_disabled: bool) -> HttpResponse:
    try:
        change.set_disabled(request.user, row, is_disabled)
    except ValidationError as error:
        return _refused(request, error)
    messages.success(request, f"{'Disabled' if is_disabled else 'Enabled'} {row}.")
    return redirect("automated_policies")


def _refused(request: Request, error: ValidationError) -> HttpResponse:
    messages.error(request, " ".join(text for texts in messages_of(error).values() for text in texts))
    return redirect("automated_policies")
