"""What stands beside a policy's form: an expression's value, the policy as YAML, a request through it.

Nothing is rehearsed here: a worker does, and the page asks for the answer.
"""

from typing import Any

import redis
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apis.forms import trying
from apis.forms.trying import Asked
from apis.models import ApiInstance, PolicyBinding
from apis.revisions import export
from apis.testing import jobs, whole
from apis.views.access import api_of, binding_to_change, messages_of
from apis.views.policy_form import PolicyForm
from console.permissions import Permission
from console.scope import Request
from policies import catalog
from policies.expression.context import REQUEST, RESPONSE
from policies.expression.parser import ExpressionError
from policies.fields.expressions import Expression
from policies.policy import Policy


@require_POST
def evaluate(request: Request, pk: int) -> HttpResponse:
    """An expression as it is typed: its mistake at once, or its value from a worker."""
    api = api_of(request, pk, Permission.MANAGE_POLICIES)
    asked = trying.read_expression(request.POST)
    text = str(asked.values.get("expression", ""))
    if not text.strip():
        return _value(request, api, {})
    if mistake := _mistake(text, str(asked.values.get("moment", ""))):
        return _value(request, api, {"mistake": mistake, "text": text})
    if asked.errors or asked.request is None or asked.evaluate is None:
        return _value(request, api, {"faults": words(asked.errors)})
    line = jobs.line_of(
        asked.request,
        evaluate=asked.evaluate.model_dump(mode="json"),
        answers=[one.model_dump(mode="json", by_alias=True) for one in asked.answers],
    )
    return _asked(request, api, "evaluate", [line], {"text": text})


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
    api = api_of(request, pk)
    try:
        found = jobs.found(request.user, job)
    except redis.RedisError:
        return _answer(
            request, "apis/_verdict.html", api, {"fault": jobs.AWAY.format("Valkey does not answer")}
        )
    if found is None or found.api_id != api.pk:
        raise Http404("There is no such rehearsal any more.")
    template = "apis/_value.html" if found.kind == "evaluate" else "apis/_verdict.html"
    return _answer(request, template, api, {"job": found, **found.shown})


def beside(form: PolicyForm) -> dict[str, Any]:
    """What the page of the form shows beside it at first."""
    api, binding = form.api, form.binding
    address = "api_policy" if binding else "api_policy_new"
    arguments = [api.pk, binding.pk if binding else form.policy.name]
    asked = Asked({"target": api.base_path})
    return {
        "try_fields": trying.expression_fields(asked),
        "has_expressions": _has_expressions(form.schema),
        "can_try": True,
        "test_url": reverse(f"{address}_test", args=arguments),
        "yaml_url": reverse(f"{address}_yaml", args=arguments),
        **_yaml_context(form),
    }


def _read(
    request: Request, api: ApiInstance, policy: Policy[Any], binding: PolicyBinding | None
) -> PolicyForm:
    form = PolicyForm(api, policy, binding)
    form.read(request.POST)
    return form


def _test(request: Request, form: PolicyForm) -> HttpResponse:
    asked = trying.read_request(request.POST)
    try:
        binding = form.unsaved()
    except ValidationError as error:
        faults = words(messages_of(error))
        return _answer(request, "apis/_verdict.html", form.api, {"faults": faults, "is_of_policy": True})
    if asked.errors or asked.request is None:
        return _answer(request, "apis/_verdict.html", form.api, {"faults": words(asked.errors)})
    answers = [one.model_dump(mode="json", by_alias=True) for one in asked.answers]
    plain = asked.request.model_copy(update={"port": form.api.port})
    shown = {
        "binding": binding.resource_name,
        "request": asked.request.model_dump(
            mode="json", by_alias=True, exclude={"key", "certificate", "port"}
        ),
        "answers": [
            one.model_dump(mode="json", by_alias=True, exclude_defaults=True) for one in asked.answers
        ],
        "can_keep": True,
    }
    lines = [{"resources": whole.documents(form.api, binding), "answers": answers}, jobs.line_of(plain)]
    return _asked(request, form.api, "rehearse", lines, shown)


def _yaml(request: Request, form: PolicyForm) -> HttpResponse:
    return _answer(request, "apis/_policy_yaml.html", form.api, _yaml_context(form))


def _yaml_context(form: PolicyForm) -> dict[str, Any]:
    try:
        return {"yaml": export.yaml_of_binding(form.api, form.unsaved())}
    except ValidationError as error:
        return {"yaml_faults": words(messages_of(error))}


def _asked(
    request: Request, api: ApiInstance, kind: jobs.Kind, lines: list[dict[str, Any]], shown: dict[str, Any]
) -> HttpResponse:
    template = "apis/_value.html" if kind == "evaluate" else "apis/_verdict.html"
    try:
        key = jobs.ask(request.user, api.pk, kind, lines, shown)
        context = {"job": jobs.found(request.user, key), **shown}
    except (jobs.Away, redis.RedisError) as error:
        context = {"fault": str(error)}
    return _answer(request, template, api, context)


def _value(request: Request, api: ApiInstance, context: dict[str, Any]) -> HttpResponse:
    return _answer(request, "apis/_value.html", api, context)


def _answer(request: Request, template: str, api: ApiInstance, context: dict[str, Any]) -> HttpResponse:
    response = render(request, template, {"api": api, **context})
    response["Cache-Control"] = "no-store"
    return response


def _mistake(text: str, moment: str) -> dict[str, Any]:
    """Where an expression does not parse: the words, the place, and the line with what stands before it."""
    try:
        Expression.read(text, RESPONSE if moment == "response" else REQUEST)
    except ExpressionError as error:
        lines = text.splitlines() or [""]
        line = lines[min(error.line, len(lines)) - 1]
        return {
            "line": error.line,
            "column": error.column,
            "reason": error.reason,
            "before": line[: error.column - 1][-60:],
            "at": line[error.column - 1 : error.column] or " ",
            "after": line[error.column :][:60],
        }
    return {}


def _has_expressions(schema: Any) -> bool:
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    is_one = isinstance(schema, dict) and schema.get("format") == "dataweave"
    return is_one or any(map(_has_expressions, inner))


def words(faults: dict[str, list[str]]) -> list[str]:
    """Each with the place that it is about."""
    return [
        f"{name.removeprefix('config.').removeprefix('try.')}: {text}" if name else text
        for name, texts in faults.items()
        for text in texts
    ]


def _found(name: str) -> Policy[Any]:
    try:
        return catalog.find(name)
    except catalog.UnknownPolicy as error:
        raise Http404(str(error)) from error
