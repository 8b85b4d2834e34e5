"""What is pending of a gateway's APIs, deployed together as a change set; change sets, and the way back."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apis.change_set import ChangeSet
from apis.changes import review
from apis.deployment import change_sets
from apis.deployment.diff import RevisionDifference, RevisionDifferences
from apis.deployment.pending import waiting_on
from apis.deployment.status import ApiStatus, statuses_of
from apis.models import ApiInstance
from apis.revision import Brought
from apis.revisions import export, rows
from apis.views.access import change_set_of, messages_of
from apis.views.comment import comment_field
from apis.views.listing import UNSETTLED
from console.models import User
from console.permissions import Permission
from console.scope import Request, must
from console.versions import Changed
from gateways.models import Gateway
from gateways.views.access import gateway_of
from gateways.views.detail import frame

MOST_SETS = 20
_ID = re.compile(r"[0-9]{1,18}")
CHANGED = (
    "What is saved, or what runs, changed after you opened this. Here it is as it is now: look at it again, "
    "then deploy it."
)
SETTLED = "All of it was deployed, or discarded, after you opened this."


@dataclass(frozen=True)
class PendingApi:
    """An API of which something is pending: the difference, and the word for what was seen."""

    api: ApiInstance
    difference: RevisionDifference
    seen: str
    is_own: bool
    is_chosen: bool


@dataclass(frozen=True)
class Member:
    """An API of a change set, with what the set changed of it, where that is still known."""

    api: ApiInstance | None
    name: str
    difference: RevisionDifference | None
    status: ApiStatus | None
    is_current: bool


def pending(request: Request, pk: UUID) -> HttpResponse:
    """Of every API on the gateway, to be deployed together."""
    return _shown(request, gateway_of(request, pk))


@require_POST
def deploy(request: Request, pk: UUID) -> HttpResponse:
    gateway = gateway_of(request, pk)
    must(request, Permission.DEPLOY_APIS)
    comment, chosen = request.POST.get("comment", ""), request.POST.getlist("api")
    seen = {int(one): request.POST.get(f"seen-{one}", "") or "none" for one in chosen if _ID.fullmatch(one)}
    try:
        made = change_sets.deploy_together(
            request.user,
            gateway,
            seen,
            comment=comment,
            despite_tests=bool(request.POST.get("despite_tests")),
        )
    except Changed:
        return _shown(request, gateway_of(request, pk), seen, comment, is_late=True)
    except ValidationError as error:
        return _shown(request, gateway_of(request, pk), seen, comment, errors=messages_of(error))
    count = len(seen)
    messages.success(
        request, f"Deployed {count} API{'' if count == 1 else 's'} together; {gateway} takes all or none."
    )
    return redirect(made)


def detail(request: Request, pk: UUID) -> HttpResponse:
    return _detail(request, change_set_of(request, pk))


@require_POST
def take_back(request: Request, pk: UUID) -> HttpResponse:
    change_set = change_set_of(request, pk)
    must(request, Permission.DEPLOY_APIS)
    comment = request.POST.get("comment", "")
    try:
        made = change_sets.take_back(request.user, change_set, comment=comment)
    except ValidationError as error:
        return _detail(request, change_set, [text for texts in messages_of(error).values() for text in texts])
    messages.success(request, f"{change_set.gateway} runs what it ran before. What is saved is pending.")
    return redirect(made)


def _shown(
    request: Request,
    gateway: Gateway,
    chosen: dict[int, str] | None = None,
    comment: str = "",
    *,
    errors: dict[str, list[str]] | None = None,
    is_late: bool = False,
) -> HttpResponse:
    errors = dict(errors or {})
    waiting = list(_waiting(request.user, gateway, chosen))
    about = "Kept with each deployment: why, for whom, which ticket."
    field = comment_field(comment, "Comment", about, errors.get("comment", ()))
    sets = ChangeSet.objects.filter(gateway=gateway).annotate(apis=Count("brought"))
    context: dict[str, Any] = {
        "waiting": waiting[: change_sets.MOST],
        "more": len(waiting) - change_sets.MOST,
        "has_own": any(one.is_own for one in waiting),
        "sets": sets.select_related("undoes", "undone_by")[:MOST_SETS],
        "comment": field,
        "general": [text for name, texts in errors.items() if name != "comment" for text in texts],
        "late": (CHANGED if waiting else SETTLED) if is_late else "",
        "needs_tests": gateway.environment.failing_tests_stop,
    }
    status = 409 if is_late else 422 if errors else 200
    return render(request, "gateways/gateway_pending.html", frame(gateway, "apis") | context, status=status)


def _waiting(user: User, gateway: Gateway, chosen: dict[int, str] | None) -> Iterator[PendingApi]:
    found = waiting_on(gateway).select_related("asset", "gateway", "environment__organization", "revision")
    apis = list(found[: change_sets.MOST + 1])
    saved = rows.contents([api.pk for api in apis])
    contexts = export.contexts(*saved.values(), *(api.revision.content for api in apis if api.revision))
    for api in apis:
        if api.revision and api.pk in saved:
            is_own = api.environment.needs_second_person and user.pk in api.pending_by
            yield PendingApi(
                api,
                RevisionDifference(api.revision.content, saved[api.pk], contexts),
                review.token(api, saved[api.pk]),
                is_own,
                api.pk in chosen if chosen is not None else not is_own,
            )


def _detail(request: Request, change_set: ChangeSet, errors: Sequence[str] = ()) -> HttpResponse:
    members = list(_members(change_set))
    can_go_back = bool(members) and all(one.is_current for one in members)
    undone = getattr(change_set, "undone_by", None)
    context = {
        "change_set": change_set,
        "members": members,
        "is_going": any(one.status and one.status.state in UNSETTLED for one in members),
        "undone": undone,
        "may_take_back": request.scope.may["deploy_apis"] and can_go_back and not undone,
        "errors": errors,
    }
    return render(request, "apis/change_set.html", context, status=422 if errors else 200)


def _members(change_set: ChangeSet) -> Iterator[Member]:
    brought = list(Brought.objects.filter(change_set=change_set).order_by("api_id"))
    apis = ApiInstance.objects.select_related("asset", "gateway", "environment").in_bulk(
        {one.api_id for one in brought}
    )
    pairs = {one.api_id: (one.replaced_id, one.revision_id) for one in brought}
    differences, statuses = RevisionDifferences(lambda: pairs), statuses_of(apis.values())
    for one in brought:
        api = apis.get(one.api_id)
        is_current = bool(
            api and api.change_set_id == change_set.pk and api.gateway_id == change_set.gateway_id
        )
        yield Member(
            api,
            str(api) if api else f"API {one.api_id}",
            differences.of(one.api_id),
            statuses.get(one.api_id) if is_current else None,
            is_current,
        )
