"""Beside an automated policy's form, which they follow: whom it covers, its YAML, whom it can be tried on."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apis.automated import coverage as covering
from apis.automated.coverage import CONFLICTS_SHOWN, Coverage
from apis.automated.models import AutomatedPolicy
from apis.changes import automated as change
from apis.changes import automated_check
from apis.forms import automated as rules
from apis.lint import edited
from apis.revisions import export
from apis.views import automated_trying
from apis.views.access import messages_of
from apis.views.automated_form import AutomatedForm, form_of_new, form_of_row
from console.scope import Request

COVERED_SHOWN = 25
MOST_LOOKED_AT = 10
"""APIs that the linter looks at while somebody types."""


@require_POST
def impact_new(request: Request, name: str) -> HttpResponse:
    return _impact(request, form_of_new(request, name))


@require_POST
def impact(request: Request, pk: int) -> HttpResponse:
    return _impact(request, form_of_row(request, pk))


def beside(form: AutomatedForm, data: QueryDict) -> dict[str, Any]:
    """What the page of the form shows beside it, with what was chosen there."""
    key = form.row.pk if form.row else form.policy.name
    more = f"?set={form.policy_set.pk}" if form.policy_set and not form.row else ""
    address = "automated_policy_impact" if form.row else "automated_policy_impact_new"
    page = {"impact_url": reverse(address, args=[key]) + more}
    return (
        automated_trying.beside(form, more) | _yaml_context(form)[0] | _coverage_context(form, data)[0] | page
    )


def counts_of(found: list[Coverage]) -> dict[str, Any]:
    covered = [one for one in found if one.is_covered]
    deployed = [one for one in covered if one.api.is_deployed and one.api.gateway]
    return {
        "all": len(found),
        "covered": len(covered),
        "deployed": len(deployed),
        "gateways": sorted({one.api.gateway for one in deployed if one.api.gateway}),
        "conflicts": len(covering.conflicts(found)),
    }


def _impact(request: Request, form: AutomatedForm) -> HttpResponse:
    form.read(request.POST)
    yaml, policy = _yaml_context(form)
    covers, found = _coverage_context(form, request.POST)
    context = yaml | covers | {"is_followed": True}
    if policy is not None and found is not None:
        context["edited"] = _edited(form, policy, _looked_at(form, found))
    response = render(request, "apis/_automated_impact.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _coverage_context(form: AutomatedForm, data: QueryDict) -> tuple[dict[str, Any], list[Coverage] | None]:
    """Whom the rule covers as the form has it, whether or not the rest of the form is whole; None where it
    cannot be told.
    """
    applies, row = rules.applies(form.rule), form.row
    faults = automated_check.faults(form.environment, form.policy, applies, row)
    if faults or rules.unread(form.rule):
        texts = [*faults.values(), *rules.unread(form.rule).values()]
        return {"impact_faults": [text for some in texts for text in some]}, None
    shown = AutomatedPolicy(
        pk=row.pk if row else None,
        environment=form.environment,
        policy_set=form.policy_set,
        policy=form.policy.name,
        label=form.more.get("label", "")[:255],
        order=row.order if row else 0,
        is_disabled=row.is_disabled if row else False,
        tags=list(applies.tags),
        gateways=list(applies.gateways),
        names=applies.names.strip(),
        names_are=applies.names_are,
        conflicts=applies.conflicts,
    )
    found = covering.coverage(shown)
    conflicts = covering.conflicts(found)
    context = {
        "counts": counts_of(found),
        "covered": [one for one in found if one.is_covered][:COVERED_SHOWN],
        "conflicts": conflicts[:CONFLICTS_SHOWN],
        "more_conflicts": max(0, len(conflicts) - CONFLICTS_SHOWN),
        "try_sample": automated_trying.sample_field(_tried(shown, found), data),
    }
    return context, found


def _looked_at(form: AutomatedForm, found: list[Coverage]) -> list[int]:
    """Those that the linter looks at: covered now, the deployed ones first, or covered by what is saved."""
    now = sorted((one for one in found if one.is_covered), key=lambda one: not one.api.is_deployed)
    before = covering.covered(form.row) if form.row else set()
    return list(dict.fromkeys([*(one.api.pk for one in now), *sorted(before)]))


def _edited(form: AutomatedForm, policy: AutomatedPolicy, apis: Sequence[int]) -> dict[str, Any]:
    """What the linter finds, with the policy as the form has it."""
    others = form.environment.automated_policies.exclude(pk=policy.pk)
    if form.row:
        place = sum((one.order, one.pk) < (policy.order, form.row.pk) for one in others)
    else:
        place = change.place_of(others, form.policy, form.more.get("order"))
    found = edited.by_automated(policy, place, apis[:MOST_LOOKED_AT])
    return {"found": found, "all": len(apis)}


def _tried(shown: AutomatedPolicy, found: list[Coverage]) -> list[Coverage]:
    """A policy that is disabled holds for nothing, and is tried on what it would hold for."""
    if not shown.is_disabled:
        return found
    shown.is_disabled = False
    return covering.coverage(shown)


def _yaml_context(form: AutomatedForm) -> tuple[dict[str, Any], AutomatedPolicy | None]:
    """And the policy, where it is whole."""
    try:
        policy = form.unsaved()
        return {"yaml": export.yaml_of_automated(policy)}, policy
    except ValidationError as error:
        found = messages_of(error)
        return {"yaml_faults": [text for texts in found.values() for text in texts]}, None
