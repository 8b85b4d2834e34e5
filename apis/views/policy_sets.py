"""Policy sets: the list, one with its policies and the APIs that it is given to, and its form."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST
from pydantic import BaseModel, Field

from apis import traffic
from apis.automated.models import PolicySet
from apis.changes import noting
from apis.changes import policy_sets as change
from apis.lists import search
from apis.lists.ordering import Searched
from apis.models import ApiInstance
from apis.views.access import (
    environment_of,
    messages_of,
    policy_set_of,
    policy_set_to_change,
)
from apis.views.conflict import Conflict, of_rows
from apis.views.lane import held_of
from console import audit
from console.among import among
from console.forms import schema_data, schema_form
from console.forms.differences import differences
from console.listing import asked, listing
from console.numbers import numbers
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed
from console.words import words

HISTORY_SHOWN = 20
OFFERED_SHOWN = 25


class SetForm(BaseModel):
    name: str = Field(
        "",
        title="Name",
        description="What it is for, such as Public APIs.",
        max_length=change.LONGEST_NAME,
        json_schema_extra={"needed": True},
    )
    description: str = Field("", title="Description", json_schema_extra={"format": "multiline"})


SCHEMA = SetForm.model_json_schema()


def index(request: Request) -> HttpResponse:
    found = environment_of(request, Permission.VIEW_POLICIES).policy_sets.filter(
        name__icontains=asked(request)
    )
    found = found.annotate(policy_count=Count("policies")).order_by("name", "pk")
    shown = listing(request, "policy-sets", "policy set", found, searches="name")
    context = {"sets": change.counted(shown.page)}
    return shown.answer(request, "apis/policy_set_list.html", "apis/_policy_sets.html", context)


def add(request: Request) -> HttpResponse:
    environment = environment_of(request, Permission.MANAGE_POLICIES)
    values = _read(request)
    errors: dict[str, list[str]] = {}
    if request.method == "POST":
        try:
            made = change.add(
                request.user, environment, values.get("name", ""), values.get("description", "")
            )
        except ValidationError as error:
            errors = messages_of(error)
        else:
            messages.success(request, f"Made policy set {made}. Now add its policies, and give it to APIs.")
            return redirect(made)
    return _form(request, None, values, errors)


def edit(request: Request, pk: int) -> HttpResponse:
    policy_set = policy_set_to_change(request, pk)
    values, errors, late = _values(policy_set), {}, None
    if request.method == "POST":
        values, seen = _read(request), request.POST.get("seen", "")
        told = values.get("name", ""), values.get("description", "")
        try:
            change.edit(request.user, policy_set, *told, seen=seen)
        except ValidationError as error:
            errors = messages_of(error)
            policy_set.refresh_from_db()
        except Changed:
            mine, saved = (
                schema_form.fields(SCHEMA, one, prefix="") for one in (values, _values(policy_set))
            )
            late = of_rows(policy_set, differences(mine, saved, {}))
        else:
            messages.success(request, f"Saved policy set {policy_set}.")
            return redirect(policy_set)
    return _form(request, policy_set, values, errors, late)


def detail(request: Request, pk: int) -> HttpResponse:
    """Its policies in request order, and the APIs that have it."""
    policy_set = policy_set_of(request, pk)
    found = _given(policy_set)
    for word in words(asked(request)):
        found = found.filter(Q(asset__name__icontains=word) | Q(label__icontains=word))
    shown = listing(request, "given", "API", Searched(found), searches="name or label")
    policies = list(policy_set.policies.all())
    context = {
        "policy_set": policy_set,
        "rows": search.whole(shown.page),
        "automated": [held_of(one) for one in policies],
        "observed": traffic.observed_by_automated(policies),
        "entries": audit.history(policy_set)[:HISTORY_SHOWN],
        "noting": noting.going(policy_set.environment),
    }
    return shown.answer(request, "apis/policy_set_detail.html", "apis/_policy_set_apis.html", context)


def give(request: Request, pk: int) -> HttpResponse:
    """The APIs of its environment that have it not, searched; those that are ticked get it."""
    policy_set = policy_set_to_change(request, pk)
    errors: list[str] = []
    ids = numbers(request.POST.getlist("api"))
    if request.method == "POST" and "find" not in request.POST:
        if not ids:
            errors = ["Tick the APIs that are to have it."]
        else:
            try:
                new = change.give(request.user, policy_set, ids)
            except ValidationError as error:
                errors = [text for texts in messages_of(error).values() for text in texts]
            else:
                many = f"{len(new)} more API{'' if len(new) == 1 else 's'}"
                messages.success(request, f"{many} with {policy_set}.")
                return redirect(policy_set)
    data = request.POST if request.method == "POST" else request.GET
    offered = ApiInstance.objects.filter(environment=policy_set.environment).exclude(
        pk__in=among(policy_set.apis)
    )
    ticked = list(offered.filter(pk__in=ids).select_related("asset", "gateway"))
    query = data.get("q", "").strip()
    for word in words(query):
        offered = offered.filter(
            Q(asset__name__icontains=word) | Q(label__icontains=word) | Q(tags__icontains=word)
        )
    context = {
        "policy_set": policy_set,
        "ticked": ticked,
        "offered": offered.exclude(pk__in=ids).select_related("asset", "gateway")[:OFFERED_SHOWN],
        "query": query,
        "search": schema_form.Field(
            "search",
            "q",
            "Search",
            value=query,
            attributes={"placeholder": "Name, label or tag", "maxlength": 200},
        ),
        "policies": policy_set.policies.all(),
        "errors": {"": errors} if errors else {},
        "general": errors,
    }
    return render(request, "apis/policy_set_give.html", context, status=422 if errors else 200)


@require_POST
def take(request: Request, pk: int, api: int) -> HttpResponse:
    """With `keep`, the API has its policies as its own from then on."""
    policy_set = policy_set_to_change(request, pk)
    row = get_object_or_404(_given(policy_set), pk=api)
    row.environment = policy_set.environment
    keep = request.POST.get("keep") == "yes"
    try:
        change.take(request.user, policy_set, row, keep=keep)
    except ValidationError as error:
        messages.error(request, " ".join(text for texts in messages_of(error).values() for text in texts))
    else:
        told = "its policies are the API's own now" if keep else "its policies no longer run there"
        messages.success(request, f"Detached {row} from {policy_set}; {told}.")
    return redirect(policy_set)


@require_POST
def delete(request: Request, pk: int) -> HttpResponse:
    policy_set = policy_set_to_change(request, pk)
    try:
        change.delete(request.user, policy_set)
    except ValidationError as error:
        messages.error(request, " ".join(text for texts in messages_of(error).values() for text in texts))
        return redirect(policy_set)
    messages.success(request, f"Deleted policy set {policy_set}.")
    return redirect("policy_sets")


def _given(policy_set: PolicySet) -> Any:
    rows = ApiInstance.objects.filter(environment=policy_set.environment, pk__in=among(policy_set.apis))
    return rows.select_related("asset", "gateway")


def _read(request: Request) -> dict[str, Any]:
    return schema_data.read(SCHEMA, request.POST, prefix="") if request.method == "POST" else {}


def _values(policy_set: PolicySet) -> dict[str, Any]:
    return {"name": policy_set.name, "description": policy_set.description}


def _form(
    request: Request,
    policy_set: PolicySet | None,
    values: dict[str, Any],
    errors: dict[str, list[str]],
    late: Conflict | None = None,
) -> HttpResponse:
    seen = (not late and request.POST.get("seen", "")) or (
        change.seen_version(policy_set) if policy_set else ""
    )
    page = {
        "policy_set": policy_set,
        "fields": schema_form.fields(SCHEMA, values, errors, prefix=""),
        "errors": errors,
        "general": errors.get("", []),
        "conflict": late,
        "seen": seen,
    }
    code = 409 if late else 422 if errors else 200
    return render(request, "apis/policy_set_form.html", page, status=code)
