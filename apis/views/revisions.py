"""Deployments of one API: what each brought and what became of it, two compared, and the way back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode

from apis.changes import undo
from apis.changes.review import MOST_COMMENT
from apis.changes.reviving import problems
from apis.deployment import brought, kept, outcomes
from apis.deployment.brought import Why
from apis.deployment.diff import between
from apis.deployment.outcomes import Outcomes
from apis.deployment.rollback import rollback, rollback_all
from apis.models import ApiInstance
from apis.revision import Revision
from apis.revisions import rows as saved_rows
from apis.views import saving
from apis.views.access import api_of, may_on
from apis.views.comment import comment_field
from apis.views.frame import Run, frame
from console.forms.schema_form import Choice, Field
from console.listing import listing
from console.permissions import Permission
from console.scope import Request
from gateways.models import Ack

PAGE_SIZE = 20
EVERY_SECONDS = 3
"""How often the list is fetched anew while a replica's answer is awaited."""
MOST_OFFERED = 100
"""Revisions that the page which compares two has to choose from."""
WORDS = {kept.RUNNING: "What runs now", kept.SAVED: "What is saved"}
TWO = "Choose two deployments to compare; a single one is compared with what runs now."


@dataclass(frozen=True)
class DeploymentRow:
    """A deployment with what became of it; `can_run` says that its revision is there and does not run."""

    why: Why
    outcomes: Outcomes
    is_running: bool

    @property
    def can_run(self) -> bool:
        return self.why.revision is not None and not self.is_running


@dataclass(frozen=True)
class ComparedContent:
    """One of two that are compared: `name` is its word in an address."""

    name: str
    words: str


def deployments(request: Request, pk: int) -> HttpResponse:
    """The snapshots that brought a change of the API: what, by whom, and what each replica made of it."""
    api = api_of(request, pk)
    acks = Prefetch("acks", Ack.objects.select_related("replica").order_by("replica__name"))
    found = brought.deployments(api).prefetch_related(acks)
    page = frame(request, api, "deployments")
    shown = listing(request, "deployments", "deployment", found, size=PAGE_SIZE)
    rows = _rows(api, brought.why(api, list(shown.page)), page["run"])
    if any(row.outcomes.is_awaited for row in rows):
        shown = replace(shown, every_seconds=EVERY_SECONDS)
    context = page | {"rows": rows, "unsent": brought.unsent(api)}
    return shown.answer(request, "apis/api_deployments.html", "apis/_deployments.html", context)


def compare(request: Request, pk: int) -> HttpResponse:
    """Any two revisions, what runs and what is saved among them: in words and as YAML."""
    api = api_of(request, pk)
    chosen = request.GET.getlist("r")
    if chosen:
        if len(chosen) > 2:
            messages.warning(request, TWO)
            return redirect("api_deployments", api.pk)
        # The list has the newest first.
        after, before = chosen if len(chosen) == 2 else (kept.RUNNING, chosen[0])
        query = urlencode({"from": before, "to": after})
        return redirect(f"{reverse('api_compare', args=[api.pk])}?{query}")
    sides = _sides(api)
    before = request.GET.get("from") or next((one.name for one in sides if one.name not in WORDS), "")
    after = request.GET.get("to") or (kept.RUNNING if api.is_deployed else kept.SAVED)
    contents = [kept.content(api, name) for name in (before, after)]
    context = {
        "fields": [_choice("from", "From", sides, before), _choice("to", "To", sides, after)],
        "from": before,
        "to": after,
        "gone": [name for name, one in zip((before, after), contents, strict=True) if one is None],
        "difference": None if None in contents else between(*contents),
        "targets": [name for name in (before, after) if _may_go_back(api, name)],
    }
    return render(request, "apis/api_compare.html", frame(request, api, "deployments") | context)


def roll_back(request: Request, pk: int, revision: str) -> HttpResponse:
    """Shows what it would change of what runs, and does it when it is sent."""
    api = api_of(request, pk, Permission.DEPLOY_APIS)
    wanted = kept.named(api, revision)
    if wanted is None:
        raise Http404(f"Revision {revision} of API {api.pk} is no longer kept.")
    faults: list[str] = []
    if request.method == "POST":
        try:
            _do(request, api, wanted)
        except ValidationError as error:
            faults = error.messages
            api.refresh_from_db()
        else:
            messages.success(request, f"Rolled back to {wanted}; {saving.taken(api)}")
            return redirect("api_deployments", api.pk)
    context = _question(api, wanted) | {"api": api, "why": _why(request.POST.get("comment", ""))}
    context["may_discard"] = Permission.MANAGE_APIS in may_on(request, api)
    context["discard"] = Field(
        "switch",
        "discard",
        "Discard what is saved, too",
        help="The forms then show what runs. Else what differs is pending: it stays saved, and is deployed "
        "when somebody reviews and deploys it.",
        value="discard" in request.POST,
    )
    if faults:
        context["faults"] = faults
    if request.htmx:
        return render(request, "apis/_rollback_dialog.html", context)
    page = frame(request, api, "deployments") | context
    return render(request, "apis/api_rollback.html", page, status=409 if faults else 200)


def _do(request: Request, api: ApiInstance, wanted: Revision) -> None:
    comment = request.POST.get("comment", "")
    if "discard" not in request.POST:
        rollback(request.user, api, wanted, comment=comment)
    elif discarded := rollback_all(request.user, api, wanted, comment=comment):
        undo.offer(request.session, discarded)


def _rows(api: ApiInstance, found: Sequence[Why], run: Run) -> list[DeploymentRow]:
    running = api.revision_id if api.is_deployed else None
    became = outcomes.each(api, (one.deployment for one in found), run.replicas)
    return [
        DeploymentRow(one, of_it, one.revision is not None and one.revision.pk == running)
        for one, of_it in zip(found, became, strict=True)
    ]


def _question(api: ApiInstance, wanted: Revision) -> dict[str, Any]:
    """What rolling back would do: to what runs, and to what is saved, which stays."""
    running = api.revision.content if api.is_deployed and api.revision else None
    [told] = kept.told(api, kept.revisions(api).filter(pk=wanted.pk))
    faults = [one.message for one in problems(api, wanted)] if api.gateway else ["The API has no gateway."]
    return {
        "revision": wanted,
        "told": told,
        "difference": between(running, wanted.content),
        "left": between(wanted.content, saved_rows.content_of(api)),
        "faults": faults,
    }


def _why(typed: str) -> Field:
    about = "Kept with the deployment, for whoever looks at it later."
    return comment_field(typed[:MOST_COMMENT], "Why", about)


def _sides(api: ApiInstance) -> list[ComparedContent]:
    """What can be compared: what is saved, what runs, and the newest revisions."""
    named = [ComparedContent(kept.SAVED, WORDS[kept.SAVED])]
    if api.is_deployed and api.revision_id:
        named.append(ComparedContent(kept.RUNNING, WORDS[kept.RUNNING]))
    found = kept.told(api, kept.revisions(api)[:MOST_OFFERED])
    return named + [ComparedContent(one.revision.short_id, _words(one)) for one in found]


def _words(one: kept.KeptRevision) -> str:
    when = f", {one.at:%-d %b %Y %H:%M} UTC" if one.at else ""
    by = f" by {one.by}" if one.by else ""
    return f"{one.revision}{when}{by}{' (runs now)' if one.is_running else ''}"


def _may_go_back(api: ApiInstance, name: str) -> bool:
    revision = None if name in WORDS else kept.named(api, name)
    return revision is not None and not (api.is_deployed and revision.pk == api.revision_id)


def _choice(name: str, label: str, sides: Sequence[ComparedContent], chosen: str) -> Field:
    """An older revision than those that are offered has its name alone."""
    names = {one.name: one.words for one in sides}
    names.setdefault(chosen, chosen[:64])
    choices = tuple(Choice(key, words, key == chosen) for key, words in names.items())
    return Field("choice", name, label, is_required=True, value=chosen, choices=choices)
