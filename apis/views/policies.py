"""The policies of one API: the lane in request order, the catalog to add from, the form of each."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apis import change, removed
from apis.forms import advanced
from apis.models import ApiInstance, PolicyBinding
from apis.views.access import api_of, api_to_change, binding_to_change, messages_of
from apis.views.frame import frame
from apis.views.lane import Step, lane
from console.models import User
from console.scope import Request
from policies import browse, catalog, rows, schema_data, schema_form
from policies.contract import Policy


def index(request: Request, pk: int) -> HttpResponse:
    api = api_of(request, pk)
    return _lane(request, api, lane(api))


def reorder(request: Request, pk: int) -> HttpResponse:
    """A row button shows the lane in its new order; "Apply order" saves it."""
    api = api_to_change(request, pk)
    if request.method != "POST":
        return redirect("api_policies", api.pk)
    steps = {str(step.binding.pk): step for step in lane(api)}
    wanted = (
        rows.changed(request.POST).getlist("ids")
        if rows.wanted(request.POST)
        else request.POST.getlist("ids")
    )
    if rows.wanted(request.POST) and sorted(wanted) == sorted(steps):
        return _lane(request, api, [steps[key] for key in wanted], is_moved=wanted != list(steps))
    try:
        change.reorder_policies(request.user, api, [int(key) for key in wanted if key.isdecimal()])
    except ValidationError:
        messages.error(
            request, "The policies changed meanwhile; here they are as they are now. Order them again."
        )
    else:
        messages.success(request, "The policies run in the new order.")
    return redirect("api_policies", api.pk)


def add(request: Request, pk: int) -> HttpResponse:
    """The catalog, to choose from."""
    api = api_to_change(request, pk)
    context = browse.context(request, lambda policy: reverse("api_policy_new", args=[api.pk, policy.name]))
    context["applied"] = set(api.policies.values_list("policy", flat=True))
    return render(request, "apis/policy_add.html", frame(request, api, "policies") | context)


def new(request: Request, pk: int, name: str) -> HttpResponse:
    api = api_to_change(request, pk)
    return _form(request, api, _found(name), None)


def edit(request: Request, pk: int, binding: int) -> HttpResponse:
    row = binding_to_change(request, pk, binding)
    return _form(request, row.api, _found(row.policy), row)


@require_POST
def disable(request: Request, pk: int, binding: int) -> HttpResponse:
    return _switch(request, binding_to_change(request, pk, binding), True)


@require_POST
def enable(request: Request, pk: int, binding: int) -> HttpResponse:
    return _switch(request, binding_to_change(request, pk, binding), False)


@require_POST
def remove(request: Request, pk: int, binding: int) -> HttpResponse:
    row = binding_to_change(request, pk, binding)
    removed.keep(request.session, row)
    change.remove_policy(request.user, row)
    return redirect("api_policies", row.api_id)


@require_POST
def restore(request: Request, pk: int) -> HttpResponse:
    """Undo the removal that was made last."""
    api = api_to_change(request, pk)
    try:
        row = removed.restore(request.user, request.session, api)
    except LookupError:
        messages.error(request, "There is nothing to undo any more; add the policy again.")
    else:
        messages.success(request, f"{row.title} is back in its place.")
    return redirect("api_policies", api.pk)


def _found(name: str) -> Policy[Any]:
    try:
        return catalog.find(name)
    except catalog.UnknownPolicy as error:
        raise Http404(str(error)) from error


def _lane(request: Request, api: ApiInstance, steps: list[Step], is_moved: bool = False) -> HttpResponse:
    context = {"steps": steps, "is_moved": is_moved, "removed": removed.title(request.session, api)}
    return render(request, "apis/api_policies.html", frame(request, api, "policies") | context)


def _switch(request: Request, binding: PolicyBinding, is_disabled: bool) -> HttpResponse:
    change.set_policy_disabled(request.user, binding, is_disabled)
    messages.success(request, f"{'Disabled' if is_disabled else 'Enabled'} {binding.title}.")
    return redirect("api_policies", binding.api_id)


def _form(
    request: Request, api: ApiInstance, policy: Policy[Any], binding: PolicyBinding | None
) -> HttpResponse:
    schema = policy.config.model_json_schema(by_alias=True)
    config: dict[str, Any] = binding.config if binding else {}
    more = advanced.values_of(binding.conditions, binding.label) if binding else {}
    errors: dict[str, list[str]] = {}
    if request.method == "POST":
        data = rows.changed(request.POST) if rows.wanted(request.POST) else request.POST
        config, more = schema_data.read(schema, data), advanced.read(data)
        if not rows.wanted(request.POST):
            errors = _saved(request.user, api, binding or policy, config, more)
            if not errors:
                messages.success(request, f"{'Saved' if binding else 'Applied'} {policy.title}.")
                return redirect("api_policies", api.pk)
    stored = binding.secrets if binding else {}
    context = {
        "policy": policy,
        "binding": binding,
        "fields": schema_form.fields(schema, config, errors, stored),
        "advanced": advanced.fields(more, errors),
        "errors": errors,
        "general": errors.get("", []) + errors.get("policy", []) + errors.get("config", []),
        "introduction": browse.introduction(policy),
    }
    page = frame(request, api, "policies") | context
    response = render(request, "apis/policy_form.html", page, status=422 if errors else 200)
    response["Cache-Control"] = "no-store"
    return response


def _saved(
    user: User,
    api: ApiInstance,
    target: PolicyBinding | Policy[Any],
    config: dict[str, Any],
    more: advanced.Values,
) -> dict[str, list[str]]:
    """Edit the binding, or apply the policy; what is wrong, by field."""
    label, order = more.get("label", ""), more.get("order")
    template = target.template if isinstance(target, PolicyBinding) else target
    rows_of = advanced.conditions(template, more)
    if unread := advanced.unread(more):
        return change.policy_faults(template, config, rows_of) | unread
    try:
        if isinstance(target, PolicyBinding):
            change.edit_policy(user, target, config, conditions=rows_of, label=label)
        else:
            change.apply_policy(user, api, target.name, config, conditions=rows_of, label=label, order=order)
    except ValidationError as error:
        return messages_of(error)
    return {}
