"""Beside an automated policy's form: a request through it on an API that it covers, an expression's value."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from apis.automated import coverage as covering
from apis.automated.coverage import Coverage
from apis.automated.models import AutomatedPolicy
from apis.changes import automated as change
from apis.forms import trying
from apis.forms.trying import TryInput
from apis.models import ApiInstance
from apis.testing import jobs, whole
from apis.views.access import environment_of, may_on, messages_of
from apis.views.automated_form import AutomatedForm, form_of_new, form_of_row
from apis.views.tried import Tried, has_expressions, words
from console.forms.schema_form import Choice, Field
from console.models import Environment
from console.numbers import number
from console.permissions import Permission
from console.scope import Request

MOST_SAMPLES = 100
SAMPLE, PLAIN = f"{trying.PREFIX}.api", "plain"
PLAIN_LABEL = "A plain API with this policy alone"


@require_POST
def evaluate(request: Request) -> HttpResponse:
    environment = environment_of(request, Permission.MANAGE_POLICIES)
    sample = _sample(request, environment)
    asked = trying.read_expression(request.POST, sample.base_path if sample else "")
    return _on(request, environment, sample).evaluate(asked)


@require_POST
def test_new(request: Request, name: str) -> HttpResponse:
    return _test(request, form_of_new(request, name))


@require_POST
def test(request: Request, pk: int) -> HttpResponse:
    return _test(request, form_of_row(request, pk))


@require_POST
def prepare(request: Request) -> HttpResponse:
    """Somebody is about to try something: the process that takes longest to start begins now."""
    environment_of(request, Permission.MANAGE_POLICIES)
    jobs.prepare()
    return HttpResponse(status=204)


def state(request: Request, job: str) -> HttpResponse:
    """How far a rehearsal of the user's own is; the page asks until it is done."""
    environment = environment_of(request, Permission.MANAGE_POLICIES)
    return _on(request, environment, None).state(job)


def beside(form: AutomatedForm, more: str) -> dict[str, Any]:
    """What the page of the form shows beside it at first; `more` is the query of its address."""
    address = "automated_policy_test" if form.row else "automated_policy_test_new"
    return {
        "try_fields": trying.sample_fields(TryInput({})),
        "try_sample": sample_field([], QueryDict()),
        "has_expressions": has_expressions(form.schema),
        "can_try": True,
        "test_url": reverse(address, args=[form.row.pk if form.row else form.policy.name]) + more,
        "evaluate_url": reverse("automated_evaluate"),
        "prepare_url": reverse("automated_prepare"),
    }


def sample_field(found: list[Coverage], data: QueryDict) -> Field:
    """The choice among those that are covered, with the one that was chosen, as long as it is."""
    apis = [one.api for one in found if one.is_covered]
    shown, wanted = apis[:MOST_SAMPLES], data.get(SAMPLE, "")
    if not shown:
        return _field("It covers none yet.", (Choice("", PLAIN_LABEL, True),))
    first = next((one for one in shown if one.is_deployed), shown[0])
    chosen = wanted if wanted in {PLAIN, *(str(one.pk) for one in shown)} else str(first.pk)
    choices = [Choice(str(one.pk), str(one), str(one.pk) == chosen) for one in shown]
    told = "One that it covers, as it is saved."
    if len(apis) > len(shown):
        told = f"One that it covers, as it is saved: the first {len(shown)} of {len(apis):,}."
    return _field(told, (*choices, Choice(PLAIN, PLAIN_LABEL, chosen == PLAIN)))


def _field(told: str, choices: tuple[Choice, ...]) -> Field:
    return Field("choice", SAMPLE, "On", help=told, is_required=True, choices=choices)


def _sample(request: Request, environment: Environment) -> ApiInstance | None:
    """The API that was chosen; None for a plain one, 404 for one that is out of sight."""
    wanted = request.POST.get(SAMPLE, "")
    if wanted in ("", PLAIN):
        return None
    rows = ApiInstance.objects.visible_to(request.user).filter(environment=environment)
    named = ("asset", "gateway", "tls_context", "environment__organization")
    return get_object_or_404(rows.select_related(*named), pk=number(wanted) or 0)


def _on(request: Request, environment: Environment, sample: ApiInstance | None) -> Tried:
    kept = {"environment": str(environment.pk)}
    return Tried(request, sample.pk if sample else 0, "automated_rehearsal", kept=kept)


def _test(request: Request, form: AutomatedForm) -> HttpResponse:
    form.read(request.POST)
    sample = _sample(request, form.environment)
    on = _on(request, form.environment, sample)
    try:
        policy = _unsaved(form)
    except ValidationError as error:
        return on.refuse(words(messages_of(error)), is_of_policy=True)
    shown = {"binding": policy.resource_name}
    if sample is None:
        asked = trying.read_request(request.POST)
        return on.rehearse(whole.plain_under(policy), asked, whole.PLAIN_PORT, **shown)
    (covered,) = covering.coverage(policy, only=sample.pk)
    if covered.miss:
        return on.refuse([f"{sample} is not covered: {covered.miss}"], is_of_policy=True)
    return on.rehearse(
        whole.under(sample, policy),
        trying.read_request(request.POST, sample.base_path),
        sample.port,
        can_keep=Permission.MANAGE_APIS in may_on(request, sample),
        **shown,
    )


def _unsaved(form: AutomatedForm) -> AutomatedPolicy:
    """In the place that it would have, in force. Raises ValidationError."""
    policy = form.unsaved()
    policy.is_disabled = False
    if form.row is None:
        others = form.environment.automated_policies.all()
        policy.order = 1 + change.place_of(others, form.policy, form.more.get("order"))
    return policy
