"""What stands beside a policy's form: an expression's value, the policy as YAML, a request through it.

Nothing is rehearsed here: a worker does, and the page asks for the answer.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apis.forms import trying
from apis.forms.trying import TryInput
from apis.lint import edited
from apis.models import ApiInstance, PolicyBinding
from apis.revisions import export
from apis.testing import jobs, whole
from apis.views.access import api_of, binding_to_change, may_on, messages_of
from apis.views.policy_form import PolicyForm
from apis.views.tried import Tried, has_expressions, words
from console.permissions import Permission
from console.scope import Request
from policies import catalog
from policies.policy import Policy


@require_POST
def evaluate(request: Request, pk: int) -> HttpResponse:
    """An expression as it is typed: its mistake at once, or its value from a worker."""
    api = api_of(request, pk, Permission.MANAGE_POLICIES)
    return _on(request, api).evaluate(trying.read_expression(request.POST))


@require_POST
def test_new(request: Request, pk: int, name: str) -> HttpResponse:
    return _test(request, _read(request, api_of(request, pk, Permission.MANAGE_POLICIES), _found(name), None))


@require_POST
def test(request: Request, pk: int, binding: int) -> HttpResponse:
    row = binding_to_change(request, pk, binding)
    return _test(request, _read(request, row.api, _found(row.policy), row))


@require_POST
def yaml_new(request: Request, pk: int, name: str) -> HttpResponse:
    return _yaml(request, _read(request, api_of(request, pk, Permission.MANAGE_POLICIES), _found(name), None))


@require_POST
def yaml(request: Request, pk: int, binding: int) -> HttpResponse:
    row = binding_to_change(request, pk, binding)
    return _yaml(request, _read(request, row.api, _found(row.policy), row))


@require_POST
def prepare(request: Request, pk: int) -> HttpResponse:
    """Somebody is about to try something: the process that takes longest to start begins now."""
    api_of(request, pk, Permission.MANAGE_POLICIES)
    jobs.prepare()
    return HttpResponse(status=204)


def state(request: Request, pk: int, job: str) -> HttpResponse:
    """How far a rehearsal of the user's own is; the page asks until it is done."""
    return _on(request, api_of(request, pk)).state(job)


def beside(form: PolicyForm) -> dict[str, Any]:
    """What the page of the form shows beside it at first."""
    api, binding = form.api, form.binding
    address = "api_policy" if binding else "api_policy_new"
    arguments = [api.pk, binding.pk if binding else form.policy.name]
    asked = TryInput({"target": api.base_path})
    return {
        "try_fields": trying.expression_fields(asked),
        "has_expressions": has_expressions(form.schema),
        "can_try": True,
        "test_url": reverse(f"{address}_test", args=arguments),
        "yaml_url": reverse(f"{address}_yaml", args=arguments),
        "evaluate_url": reverse("api_evaluate", args=[api.pk]),
        "prepare_url": reverse("api_rehearsal_prepare", args=[api.pk]),
        **_yaml_context(form)[0],
    }


def _on(request: Request, api: ApiInstance) -> Tried:
    return Tried(request, api.pk, "api_rehearsal", (api.pk,))


def _read(
    request: Request, api: ApiInstance, policy: Policy[Any], binding: PolicyBinding | None
) -> PolicyForm:
    form = PolicyForm(api, policy, binding)
    form.read(request.POST)
    return form


def _test(request: Request, form: PolicyForm) -> HttpResponse:
    api, on = form.api, _on(request, form.api)
    try:
        binding = form.unsaved()
    except ValidationError as error:
        return on.refuse(words(messages_of(error)), is_of_policy=True)
    return on.rehearse(
        whole.documents(api, binding),
        trying.read_request(request.POST),
        api.port,
        binding=binding.resource_name,
        can_keep=Permission.MANAGE_APIS in may_on(request, api),
    )


def _yaml(request: Request, form: PolicyForm) -> HttpResponse:
    """And, beside it, what the linter finds of the policy as it stands in the form."""
    context, binding = _yaml_context(form)
    context |= {"is_followed": True, "edited": edited.by_policy(form.api, binding) if binding else None}
    response = render(request, "apis/_policy_yaml.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _yaml_context(form: PolicyForm) -> tuple[dict[str, Any], PolicyBinding | None]:
    """And the policy, where the form is whole."""
    try:
        binding = form.unsaved()
        return {"yaml": export.yaml_of_binding(form.api, binding)}, binding
    except ValidationError as error:
        return {"yaml_faults": words(messages_of(error))}, None


def _found(name: str) -> Policy[Any]:
    try:
        return catalog.find(name)
    except catalog.UnknownPolicy as error:
        raise Http404(str(error)) from error
