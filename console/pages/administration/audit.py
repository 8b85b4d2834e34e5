"""The audit log: who changed what, when, and what it was before; who logged in, and who failed to."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.views.decorators.http import require_safe

from apis.deployment.shown_entries import ShownEntry, as_shown
from console.audit_log import csv_file, filtering, retention
from console.audit_log.filtering import AuditFilter
from console.listing import AnyPaginator, Input, Listing, Select, asked
from console.models import AuditEntry, AuditEntryQuerySet, Environment, Organization, User
from console.notices.models import Destination
from console.nouns import noun
from console.pages.administration.access import administered_organization, attempt
from console.pages.administration.forms import RetentionForm
from console.permissions import Permission
from console.scope import Request

PAGE_SIZE = 50
COUNTED = 10_000
"""More are not counted, and reached by *Older entries*."""
ACTIONS = [
    ("create", "Created"),
    ("update", "Changed"),
    ("delete", "Deleted"),
    ("login", "Logged in"),
    ("failed", "Failed to log in"),
]
PAGES: dict[str, tuple[type[Any], str]] = {
    "organization": (Organization, "organization"),
    "environment": (Environment, "environment"),
    "user": (User, "user"),
    "destination": (Destination, "destination"),
}
"""Kinds of the console's own, with the page of each, where it still exists."""
LONGEST = 64


class BoundedPaginator(AnyPaginator):
    """Counts no further than its pages go. Of entries, or of ids of those that were searched for."""

    object_list: AuditEntryQuerySet | list[int]

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return len(rows) if isinstance(rows, list) else rows.order_by()[:COUNTED].count()

    @property
    def is_cut(self) -> bool:
        return self.count == COUNTED


def index(request: Request) -> HttpResponse:
    """Administration starts with the users for who may manage them, with the audit log for others."""
    administers = Organization.objects.where(request.user, Permission.ADMINISTER_ORGANIZATION).exists()
    return redirect("users" if administers else "audit")


def audit(request: Request) -> HttpResponse:
    places, wanted, before = _places(request), _wanted(request), request.GET.get("before", "")
    try:
        rows = filtering.beyond(wanted.of(filtering.visible(request.user)), before)
    except ValueError:
        return redirect("audit")
    found = filtering.found(rows, asked(request)) if asked(request) else rows
    page = BoundedPaginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    shown = _listing(request, page, places, wanted)
    entries = _entries(page.object_list)
    is_end = page.paginator.is_cut and not page.has_next()  # type: ignore[attr-defined]
    context = {
        "changes": _linked(request, as_shown(entries)),
        "older": _older(request, entries[-1]) if is_end and entries else "",
        "about": _about(wanted),
        "export": f"{reverse('audit_export')}?{request.GET.urlencode()}",
        "may_choose": _may_choose(request),
        "kept_days": retention.days_of(request.scope.organization) if request.scope.organization else 0,
    }
    return shown.answer(
        request, "console/administration/audit.html", "console/administration/_entries.html", context
    )


def _entries(some: Any) -> list[AuditEntry]:
    """Of a page, which may have ids alone."""
    if isinstance(some, list):
        some = filtering.beyond(AuditEntry.objects.filter(pk__in=some), "")
    return list(some.select_related("organization", "environment"))


@require_safe
def export(request: Request) -> HttpResponseBase:
    """What the page's choices leave, as CSV."""
    rows = filtering.beyond(_wanted(request).of(filtering.visible(request.user)), "")
    return csv_file.answer(filtering.searched(rows, asked(request)))


def keep(request: Request) -> HttpResponse:
    """How long entries of the organization at the top are kept; POST chooses."""
    current = request.scope.organization
    if current is None:
        raise PermissionDenied("You work in no organization yet.")
    root = administered_organization(request, current.root_id)
    form = RetentionForm(request.POST or None, initial={"days": retention.days_of(root)})
    if form.is_valid():
        days = form.cleaned_data["days"]
        if attempt(form, lambda: retention.choose(request.user, root, days)):
            messages.success(request, f"Entries of {root} are kept for {days} days, from a week from now on.")
            return redirect("audit")
    coming = root.audit_retentions.filter(effective_from__gt=timezone.now()).first()
    context = {"form": form, "organization": root, "days": retention.days_of(root), "coming": coming}
    status = 422 if form.errors else 200
    return render(request, "console/administration/audit_retention.html", context, status=status)


def _may_choose(request: Request) -> bool:
    """How long it is kept, which holds for the whole tenant."""
    current = request.scope.organization
    if current is None:
        return False
    held = request.scope.held.in_organization(f"{current.root_id}/")
    return Permission.ADMINISTER_ORGANIZATION in held


def _listing(request: Request, page: Any, places: list[tuple[str, str]], wanted: AuditFilter) -> Listing:
    kinds = [(one, capfirst(noun(one))) for one in filtering.kinds()]
    place = Select.of(request, "where", "Place", places)
    kind = Select.of(request, "type", "Kind", sorted(kinds, key=lambda one: one[1]))
    action = Select.of(request, "action", "Action", ACTIONS)
    return Listing(
        "entries",
        "entry",
        page,
        address=request.path,
        query=asked(request),
        searches="name, API, id or person",
        selects=(kind, action),
        more=(place,) if len(places) > 1 else (),
        inputs=(
            Input("who", "By whom", wanted.who),
            Input("from", "From", request.GET.get("from", ""), "date"),
            Input("to", "To", request.GET.get("to", ""), "date"),
        ),
        kept=(("about", ":".join(wanted.about)),) if wanted.about else (),
        is_alone=bool(request.htmx and request.htmx.target == "entries"),
    )


def _wanted(request: Request) -> AuditFilter:
    """What the address asks for; a value that means nothing narrows nothing, and is gone from the form."""
    given = request.GET
    action = given.get("action", "")
    kind, _, pk = given.get("about", "").partition(":")
    to = _day(given.get("to", ""))
    return AuditFilter(
        kinds=(given["type"],) if given.get("type") else (),
        actions=("login",) if action == "failed" else (action,) if action else (),
        failed={"failed": True, "login": False}.get(action),
        who=given.get("who", "").strip()[:160],
        since=_day(given.get("from", "")),
        until=to + timedelta(days=1) if to else None,
        about=(kind, pk) if kind and pk and len(kind) < LONGEST and len(pk) <= LONGEST else None,
        place=_uuid(given.get("where", "")),
    )


def _places(request: Request) -> list[tuple[str, str]]:
    """Environments and organizations that one may see."""
    environments = Environment.objects.known_to(request.user).select_related("organization")
    ordered = environments.order_by("organization__path", "name")[:500]
    found = {str(one.organization_id): str(one.organization) for one in ordered}
    return [*found.items(), *((str(one.pk), f"{one.organization} / {one}") for one in ordered)]


def _linked(request: Request, changes: list[ShownEntry]) -> list[ShownEntry]:
    """With the way to things of the console's own that are there still."""
    found: dict[tuple[str, str], str] = {}
    for kind, (model, page) in PAGES.items():
        ids = {one.entry.object_id for one in changes if one.entry.object_type == kind and not one.href}
        valid = {one for one in ids if (one.isdecimal() if kind == "destination" else _uuid(one))}
        for pk in model._default_manager.filter(pk__in=valid).values_list("pk", flat=True) if valid else ():
            found[kind, str(pk)] = reverse(page, args=[pk])
    return [
        replace(one, href=found.get((one.entry.object_type, one.entry.object_id), one.href))
        for one in changes
    ]


def _older(request: Request, last: AuditEntry) -> str:
    given = request.GET.dict()
    kept = {name: str(value) for name, value in given.items() if name not in ("page", "before")}
    return f"{request.path}?{urlencode({**kept, 'before': filtering.cursor_of(last)})}"


def _about(wanted: AuditFilter) -> str:
    return f"{noun(wanted.about[0])} {wanted.about[1]}" if wanted.about else ""


def _day(text: str) -> datetime | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return datetime.combine(day, time.min, UTC) if day and 1970 <= day.year <= 9000 else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
