"""An API's policies applied to other APIs, of any environment where the user may change them."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render

from apis.addresses import listens
from apis.changes import policy_copies as change
from apis.models import ApiInstance, PolicyBinding
from apis.rules import copy_secrets
from apis.views.access import api_of, messages_of
from apis.views.frame import frame
from console.forms.schema_form import Choice, Field
from console.models import Environment
from console.permissions import Permission
from console.scope import Request
from console.words import words

FOUND_SHOWN = 25


@dataclass
class PolicyCopyForm:
    """What the form holds: `policies` and `to` of the API and the APIs that the user may see and edit."""

    policies: list[PolicyBinding]
    to: list[ApiInstance]
    query: str
    existing: change.Existing
    secrets: dict[int, dict[str, str]]


def copy(request: Request, pk: int) -> HttpResponse:
    """`?policy=` names those that are chosen at first; none is all of them."""
    api = api_of(request, pk, Permission.VIEW_POLICIES)
    if not Environment.objects.permitting(request.user, Permission.MANAGE_POLICIES).exists():
        raise PermissionDenied("You need the permission Manage policies somewhere to copy policies there.")
    sent = _read(request, api)
    errors: list[str] = []
    go = request.POST.get("go", "")
    if go == "copy":
        errors = _missing(sent)
        if not errors:
            failed = _copied(request, sent)
            if not failed:
                return redirect("api_policies", sent.to[0].pk if len(sent.to) == 1 else api.pk)
            sent.to = [target for target, _ in failed]
            errors = [f"{target}: {text}" for target, text in failed]
    elif go == "look":
        errors = _missing(sent)
    context = {
        "bindings": list(api.policies.all()),
        "sent": sent,
        "chosen": {one.pk for one in sent.policies},
        "found": _found(request, api, sent),
        "form": _fields(sent),
        "secret_fields": _secret_fields(sent),
        "plans": _plans(sent) if go in ("look", "copy") else [],
        "errors": {"": errors} if errors else {},
        "general": errors,
        "most": change.MOST_TARGETS,
    }
    page = frame(request, api, "policies") | context
    response = render(request, "apis/policy_copy.html", page, status=422 if errors else 200)
    response["Cache-Control"] = "no-store"
    return response


def _read(request: Request, api: ApiInstance) -> PolicyCopyForm:
    data: QueryDict = request.POST if request.method == "POST" else request.GET
    every = list(api.policies.select_related("api__environment", "api__asset"))
    ids = set(data.getlist("policy"))
    chosen = [one for one in every if str(one.pk) in ids]
    if request.method != "POST" and not chosen:
        chosen = every
    wanted = [int(text) for text in dict.fromkeys(data.getlist("to")) if text.isdecimal() and len(text) < 18]
    targets = _targets(request, api).filter(pk__in=wanted[: change.MOST_TARGETS + 1])
    existing: Any = data.get("existing", "skip")
    return PolicyCopyForm(
        chosen,
        list(targets),
        data.get("q", "").strip(),
        existing if existing in change.EXISTING else "skip",
        {
            one.pk: {
                path: typed
                for path in one.secrets
                if (typed := str(data.get(f"secrets.{one.pk}.{path}", "")))
            }
            for one in every
        },
    )


def _targets(request: Request, api: ApiInstance) -> QuerySet[ApiInstance]:
    editable = Environment.objects.permitting(request.user, Permission.MANAGE_POLICIES)
    found = ApiInstance.objects.filter(environment__in=editable).exclude(pk=api.pk)
    return found.select_related("asset", "gateway", "environment__organization").order_by(
        "environment__name", "asset__name", "pk"
    )


def _found(request: Request, api: ApiInstance, sent: PolicyCopyForm) -> list[ApiInstance]:
    """Those to choose from: the API's own environment first; what is chosen is shown anyway."""
    rows = _targets(request, api).exclude(pk__in=[one.pk for one in sent.to])
    for word in words(sent.query):
        rows = rows.filter(
            Q(asset__name__icontains=word)
            | Q(label__icontains=word)
            | Q(environment__name__icontains=word)
            | listens(base_path__icontains=word)
        )
    here = list(rows.filter(environment=api.environment)[:FOUND_SHOWN])
    elsewhere = rows.exclude(environment=api.environment)
    return [*here, *elsewhere[: FOUND_SHOWN - len(here)]]


def _missing(sent: PolicyCopyForm) -> list[str]:
    found = []
    if not sent.policies:
        found.append("Choose at least one policy.")
    if not sent.to:
        found.append("Choose at least one API to copy to.")
    if len(sent.to) > change.MOST_TARGETS:
        found.append(f"At most {change.MOST_TARGETS} APIs at once.")
    return found


def _copied(request: Request, sent: PolicyCopyForm) -> list[tuple[ApiInstance, str]]:
    """Each API by itself, whole or not at all; those that refused, with the reason."""
    failed, done = [], 0
    for target in sent.to:
        try:
            steps = change.copy(
                request.user, sent.policies, target, existing=sent.existing, secrets=sent.secrets
            )
        except ValidationError as error:
            texts = [text for texts in messages_of(error).values() for text in texts]
            failed.append((target, " ".join(texts)))
        else:
            done += any(step.what in ("add", "replace") for step in steps)
    same = len(sent.to) - len(failed) - done
    if done:
        messages.success(request, f"Copied to {done} API{'' if done == 1 else 's'}.")
    if same:
        messages.info(request, f"{same} API{' has' if same == 1 else 's have'} all of it already.")
    return failed


def _plans(sent: PolicyCopyForm) -> list[tuple[ApiInstance, list[change.PolicyCopy]]]:
    return [
        (target, change.plan(sent.policies, target, existing=sent.existing, secrets=sent.secrets))
        for target in sent.to[: change.MOST_TARGETS]
    ]


def _fields(sent: PolicyCopyForm) -> dict[str, Field]:
    choices = tuple(Choice(value, label, value == sent.existing) for value, label in change.EXISTING.items())
    placed = {"placeholder": "Name, label or environment", "maxlength": 200}
    found = (
        Field("choices", "policy", "Policies to copy", is_required=True),
        Field("cards", "existing", "Where an API has the policy already", choices=choices),
        Field("search", "q", "Search", value=sent.query, attributes=placed),
    )
    return {one.name: one for one in found}


def _secret_fields(sent: PolicyCopyForm) -> list[tuple[str, list[Field]]]:
    """Those to be given, by policy, where one of the APIs is of another environment."""
    found: dict[str, list[Field]] = {}
    is_needed = any(
        target.environment_id != one.api.environment_id for target in sent.to for one in sent.policies
    )
    for one in copy_secrets.held(sent.policies) if is_needed else ():
        typed = sent.secrets.get(one.binding.pk, {}).get(one.path, "")
        field = Field("secret", one.field, one.label, is_required=True, value=typed)
        found.setdefault(str(one.binding), []).append(field)
    return list(found.items())
