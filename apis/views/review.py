"""What is pending of an API: looked at, tested, deployed with a comment, discarded."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apis.api_test import ApiTest, ApiTestRun
from apis.changes import discarding, review, undo
from apis.deployment import pending
from apis.deployment.diff import between
from apis.deployment.pending import waiting_on
from apis.deployment.shown_entries import as_shown
from apis.lint.findings import findings
from apis.models import ApiInstance
from apis.revision import Content
from apis.revisions import rows
from apis.rules.problem import Problem
from apis.testing import runs
from apis.views import saving
from apis.views.access import api_of, api_to_change, may_on, messages_of
from apis.views.comment import comment_field
from apis.views.frame import frame
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed

MOST_ENTRIES = 50
CHANGED = (
    "What is saved, or what runs, changed after you opened this. Here it is as it is now: look at it again, "
    "then deploy or discard it."
)
SETTLED = "It was deployed, or discarded, after you opened this."


def index(request: Request, pk: int) -> HttpResponse:
    return _shown(request, api_of(request, pk))


def tests(request: Request, pk: int) -> HttpResponse:
    """The fragment that tells how far the run of the tests is; at its end, with the form."""
    api = api_of(request, pk)
    saved = rows.content_of(api)
    context = {"api": api} | _tests(api, saved)
    run = context["test_run"]
    if run and not run.is_going and may_on(request, api)["deploy_apis"]:
        found = list(review.obstacles(request.user, api, saved))
        context |= _gate(request, api, found) | {"has_gate": all(one.field == "tests" for one in found)}
    return render(request, "apis/_review_tests.html", context)


@require_POST
def run_tests(request: Request, pk: int) -> HttpResponse:
    """On what is saved; the page then tells how far they are."""
    api = api_of(request, pk, Permission.DEPLOY_APIS)
    runs.start(request.user, api)
    return redirect("api_review", api.pk)


@require_POST
def deploy(request: Request, pk: int) -> HttpResponse:
    api = api_of(request, pk, Permission.DEPLOY_APIS)
    seen, comment = request.POST.get("seen", ""), request.POST.get("comment", "")
    try:
        review.deploy_pending(
            request.user,
            api,
            seen=seen or "none",
            comment=comment,
            despite_tests=bool(request.POST.get("despite_tests")),
        )
    except Changed:
        return _shown(request, api_of(request, pk), comment=comment, is_late=True)
    except ValidationError as error:
        return _shown(request, api_of(request, pk), comment=comment, errors=messages_of(error))
    messages.success(request, f"Deployed what was pending; {saving.taken(api)}")
    return redirect(api)


@require_POST
def discard(request: Request, pk: int) -> HttpResponse:
    """Discard what the page of the difference showed; from other pages, whatever is pending."""
    api = api_to_change(request, pk)
    try:
        removed = discarding.discard(request.user, api, seen=request.POST.get("seen", ""))
    except Changed:
        return _shown(request, api_of(request, pk), is_late=True)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("api_review", api.pk)
    undo.offer(request.session, removed)
    messages.success(request, "Discarded what was pending; what is saved is what runs.")
    return redirect(api)


@require_POST
def restore(request: Request, pk: int) -> HttpResponse:
    """Have what was discarded last pending again."""
    api = api_to_change(request, pk)
    try:
        undo.restore_pending(request.user, request.session, api)
    except LookupError:
        messages.error(request, "There is nothing to undo any more.")
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, "What was discarded is pending again.")
        return redirect("api_review", api.pk)
    return redirect(api)


def _shown(
    request: Request,
    api: ApiInstance,
    *,
    comment: str = "",
    errors: dict[str, list[str]] | None = None,
    is_late: bool = False,
) -> HttpResponse:
    errors, saved = dict(errors or {}), rows.content_of(api)
    runs_now = api.revision.content if api.is_deployed and api.revision else None
    obstacles = list(review.obstacles(request.user, api, saved))
    about = "Kept with the deployment: why, for whom, which ticket."
    field = comment_field(comment, "Comment", about, errors.get("comment", ()))
    difference = between(runs_now, saved)
    context: dict[str, Any] = {
        "difference": difference,
        "changes": as_shown(pending.entries(api)[:MOST_ENTRIES]),
        "findings": findings(api),
        "seen": review.token(api, saved),
        "comment": field,
        "errors": errors,
        "general": [text for name, texts in errors.items() if name != "comment" for text in texts],
        "is_review": True,
        "obstacles": [one for one in obstacles if one.field != "tests" and not errors],
        "late": (CHANGED if difference else SETTLED) if is_late else "",
        "others": waiting_on(api.gateway).exclude(pk=api.pk).count() if api.gateway else 0,
    }
    page = frame(request, api, "") | _tests(api, saved) | _gate(request, api, obstacles) | context
    return render(request, "apis/api_review.html", page, status=409 if is_late else 422 if errors else 200)


def _gate(request: Request, api: ApiInstance, obstacles: Iterable[Problem]) -> dict[str, bool]:
    """Whether the API's tests stop it, and whether the user may pass them over."""
    is_held = any(one.field == "tests" for one in obstacles)
    return {"is_held": is_held, "may_override": is_held and review.may_override(request.user, api)}


def _tests(api: ApiInstance, saved: Content) -> dict[str, Any]:
    """What the API's tests came to, and whether that was on what is saved now."""
    found = list(api.tests.all())
    run = ApiTestRun.objects.filter(api=api).first()
    is_current = bool(run and run.digest in saved.digests)
    return {
        "tests": found,
        "test_run": run,
        "is_current": is_current,
        "passed": sum(one.state == ApiTest.State.PASSED for one in found) if is_current else 0,
        "failing": [one for one in found if is_current and one.state != ApiTest.State.PASSED],
    }
