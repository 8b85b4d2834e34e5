"""The policies of one API: the lane in request order, the catalog to add from, the form of each."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apis import operations, traffic
from apis.changes import policies, undo, versions
from apis.models import ApiInstance, PolicyBinding
from apis.removed import Removed
from apis.rules.policy_place import in_front, numbered
from apis.views import saving, trying
from apis.views.access import api_of, binding_of, binding_to_change
from apis.views.contract_policies import granted
from apis.views.frame import frame
from apis.views.lane import AppliedPolicy, Lane, lane
from apis.views.policy_form import PolicyForm
from console.forms import rows
from console.numbers import numbers
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed
from policies import browse, catalog
from policies.policy import Policy

MOST_GONE = 50
"""Removed policies that a page tells of."""


def index(request: Request, pk: int) -> HttpResponse:
    api = api_of(request, pk, Permission.VIEW_POLICIES)
    return _lane(request, api, lane(api))


def reorder(request: Request, pk: int) -> HttpResponse:
    """A row button shows the lane in its new order; "Apply order" saves it."""
    api = api_of(request, pk, Permission.MANAGE_POLICIES)
    if request.method != "POST":
        return redirect("api_policies", api.pk)
    bindings = {str(one.pk): one for one in api.policies.inbound()}
    wanted = (
        rows.changed(request.POST).getlist("ids")
        if rows.wanted(request.POST)
        else request.POST.getlist("ids")
    )
    if rows.wanted(request.POST) and sorted(wanted) == sorted(bindings):
        inbound = numbered([bindings[key] for key in wanted])
        is_moved = [str(one.pk) for one in inbound] != list(bindings)
        moved = lane(api, [*inbound, *api.policies.outbound()])
        return _lane(request, api, moved, is_moved=is_moved, seen=request.POST.get("seen", ""))
    try:
        ids = numbers(wanted)
        policies.reorder_policies(request.user, api, ids, seen=request.POST.get("seen", ""))
    except (ValidationError, Changed):
        messages.error(
            request, "The policies changed meanwhile; here they are as they are now. Order them again."
        )
    else:
        done = saving.told(api, "The policies run in the new order.", "Saved the order.")
        messages.success(request, f"{done} {in_front([bindings[str(pk)] for pk in ids])}".strip())
    return redirect("api_policies", api.pk)


def add(request: Request, pk: int) -> HttpResponse:
    """The catalog, to choose from."""
    api = api_of(request, pk, Permission.MANAGE_POLICIES)
    # For the operations that the address names, if any: they become its conditions.
    named = {name: request.GET.getlist(name) for name in ("operation", "tag") if name in request.GET}
    query = f"?{urlencode(named, doseq=True)}" if named else ""
    context = browse.context(
        request, lambda policy: f"{reverse('api_policy_new', args=[api.pk, policy.name])}{query}"
    )
    context["kept"] = [(name, value) for name, values in named.items() for value in values]
    context["applied"] = set(api.policies.values_list("policy", flat=True))
    return render(request, "apis/policy_add.html", frame(request, api, "policies") | context)


def new(request: Request, pk: int, name: str) -> HttpResponse:
    api = api_of(request, pk, Permission.MANAGE_POLICIES)
    return _form(request, api, _found(name), None)


def edit(request: Request, pk: int, binding: int) -> HttpResponse:
    """Who may not edit reads the same form, with secrets left out."""
    if request.method == "POST":
        row = binding_to_change(request, pk, binding)
    else:
        row = binding_of(request, pk, binding)
    return _form(request, row.api, _found(row.policy), row)


@require_POST
def disable(request: Request, pk: int, binding: int) -> HttpResponse:
    return _switch(request, binding_to_change(request, pk, binding), True)


@require_POST
def enable(request: Request, pk: int, binding: int) -> HttpResponse:
    return _switch(request, binding_to_change(request, pk, binding), False)


@require_POST
def enforce(request: Request, pk: int, binding: int) -> HttpResponse:
    """From telling what it would refuse to refusing it, and back, which the page offers then."""
    row = binding_to_change(request, pk, binding)
    is_back = request.POST.get("mode") == PolicyBinding.Mode.OBSERVE
    mode = PolicyBinding.Mode.OBSERVE if is_back else PolicyBinding.Mode.ENFORCE
    policies.set_policy_mode(request.user, row, mode)
    if is_back:
        done = f"{row.title} only observes again, and refuses nothing."
        waits = f"{row.title} is to observe only."
    else:
        done = f"{row.title} refuses from now on what it finds wrong."
        waits = f"{row.title} is to refuse what it finds wrong."
    messages.success(request, saving.told(row.api, done, waits))
    back = "" if is_back else f"?enforced={row.pk}"
    return redirect(f"{reverse('api_policies', args=[row.api_id])}{back}")


@require_POST
def remove(request: Request, pk: int, binding: int) -> HttpResponse:
    row = binding_to_change(request, pk, binding)
    undo.offer(request.session, policies.remove_policy(request.user, row))
    return redirect("api_policies", row.api_id)


@require_POST
def restore(request: Request, pk: int) -> HttpResponse:
    """Undo the removal that was made last."""
    api = api_of(request, pk, Permission.MANAGE_POLICIES)
    try:
        row = undo.restore(request.user, request.session, api)
    except LookupError:
        messages.error(request, "There is nothing to undo any more; add the policy again.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        done = f"{row.title} is back in its place."
        messages.success(request, saving.told(api, done))
    return redirect("api_policies", api.pk)


def _found(name: str) -> Policy[Any]:
    try:
        return catalog.find(name)
    except catalog.UnknownPolicy as error:
        raise Http404(str(error)) from error


def _lane(
    request: Request, api: ApiInstance, shown: Lane, is_moved: bool = False, seen: str = ""
) -> HttpResponse:
    applied = shown.inbound
    context: dict[str, Any] = {
        "applied": applied,
        "fixed": sum(one.runs_first for one in applied),
        "is_moved": is_moved,
        "removed": undo.title(request.session, api),
    }
    context |= {"automated": shown.automated, "outbound": shown.outbound, "lane": shown}
    context["gone"] = (
        Removed.objects.there().defer("saved").filter(kind=Removed.Kind.POLICY, api_id=api.pk)[:MOST_GONE]
    )
    context["seen"] = seen or versions.of_order(api)
    context["held"] = traffic.held(_conditional(applied), api.pk)
    automated = [one for one in shown.automated if not one.yields]
    running: list[traffic.Ruling] = [one.binding for one in applied]
    running += [one.binding for one in automated]
    context["observed"] = traffic.observed([one for one in running if one.is_observing], api.pk)
    return render(request, "apis/api_policies.html", frame(request, api, "policies") | context)


def _conditional(applied: list[AppliedPolicy]) -> list[PolicyBinding]:
    """The policies for which the page shows how often their conditions hold."""
    return [one.binding for one in applied if one.binding.conditions and not one.binding.is_disabled]


def _switch(request: Request, binding: PolicyBinding, is_disabled: bool) -> HttpResponse:
    policies.set_policy_disabled(request.user, binding, is_disabled)
    done = f"{'Disabled' if is_disabled else 'Enabled'} {binding.title}."
    messages.success(request, saving.told(binding.api, done))
    return redirect("api_policies", binding.api_id)


def _form(
    request: Request, api: ApiInstance, policy: Policy[Any], binding: PolicyBinding | None
) -> HttpResponse:
    form = PolicyForm(api, policy, binding, request.POST.get("seen", ""), request.POST)
    if binding is None and policy.has_conditions and request.method != "POST" and request.GET:
        form.add_operations(request.GET)
    if request.method == "POST":
        data = rows.changed(request.POST) if rows.wanted(request.POST) else request.POST
        form.read(data)
        if request.POST.get("rows") == operations.ADD:
            form.add_operations(request.POST)
        if form.is_choosing:
            form.choose()
        elif not rows.wanted(request.POST) and form.save(request.user, saving.asked(request, api)):
            done = f"{'Saved' if binding else 'Applied'} {policy.title}."
            messages.success(request, saving.told(form.binding.api if form.binding else api, done))
            if count := sum(map(len, form.warnings().values())):
                messages.warning(request, f"{count} of its settings may not do what you mean; see below.")
            return redirect("api_policies", api.pk)
    offered = operations.choice(form.document, request.POST) if policy.has_conditions else {}
    page = frame(request, api, "policies") | form.context() | offered | trying.beside(form)
    page["granted"] = granted(api, policy)
    response = render(request, "apis/policy_form.html", page, status=form.status)
    response["Cache-Control"] = "no-store"
    return response
