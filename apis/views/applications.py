"""Client applications of an organization: the list, one with its contracts, its form, and its end."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Exists, OuterRef, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from apis import granted, traffic
from apis.changes import applications as change
from apis.changes import versions
from apis.contracts import access
from apis.contracts.models import Application, Contract
from apis.forms.application import ApplicationForm, EditedForm, shown
from apis.views.access import environment_of, messages_of, posted
from apis.views.application_access import application_of, application_to_change
from apis.views.application_page import SOON, page
from apis.views.application_secrets import shown_once
from console import audit, once
from console.forms.schema_form import Field
from console.listing import Select, asked, listing
from console.models import Organization
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed

HISTORY_SHOWN = 10
SHOWS = (("expired", "Expired"), ("unused", "Without contracts"), ("pending", "Waiting for an answer"))


def index(request: Request) -> HttpResponse:
    organization = environment_of(request, Permission.VIEW_CONTRACTS).organization
    found = Application.objects.filter(organization=organization)
    if query := asked(request):
        found = found.filter(
            Q(name__icontains=query) | Q(client_id=query) | Q(client_id__startswith=query.lower())
        )
    which = Select.of(request, "shows", "Application", SHOWS)
    found = _which(found, which.chosen)
    listed = listing(
        request, "applications", "client application", found, searches="name or client id", selects=(which,)
    )
    context = {
        "rows": rows_of(listed.page),
        "soon": timezone.now() + SOON,
        "now": timezone.now(),
        "may_create": access.may_create_application(request.user, organization),
    }
    return listed.answer(request, "apis/application_list.html", "apis/_applications.html", context)


def add(request: Request) -> HttpResponse:
    """The secret is shown in the answer to the form and never again."""
    organization = environment_of(request).organization
    return add_to(request, organization, "apis/application_base.html", "applications")


def add_to(request: Request, organization: Organization, base: str, back: str) -> HttpResponse:
    if not access.may_create_application(request.user, organization):
        raise PermissionDenied(f"You may make no application in {organization}.")
    form = ApplicationForm(request.user, organization, posted(request))
    if form.is_valid():
        try:
            made, secret = change.create(request.user, organization, **form.facts(), sending=once.of(request))
        except ValidationError as error:
            form.refuse(messages_of(error))
        else:
            context = {"application": made, "secret": secret, "base": base, "is_new": True}
            return shown_once(request, context)
    context = {"form": form, "organization": organization, "base": base, "back": back}
    return render(request, "apis/application_form.html", context, status=422 if form.errors else 200)


def detail(request: Request, pk: int) -> HttpResponse:
    application = application_of(request, pk)
    seen = granted.apis(request.scope.held, Permission.VIEW_CONTRACTS, "api__")
    listed, context = page(request, application, application.contracts.filter(seen))
    context |= {
        "may_change": access.may_manage_application(request.user, application),
        "may_invite": Permission.ADMINISTER_ORGANIZATION
        in request.scope.held.in_organization(application.organization.path),
        "entries": audit.history(application)[:HISTORY_SHOWN],
    }
    return listed.answer(request, "apis/application_detail.html", "apis/_application_contracts.html", context)


def edit(request: Request, pk: int) -> HttpResponse:
    application = application_to_change(request, pk)
    form = EditedForm(request.user, application, posted(request), initial=shown(application))
    seen = request.POST.get("seen") or versions.of_application(application)
    if form.is_valid():
        try:
            change.update(request.user, application, seen=seen, **form.facts())
        except ValidationError as error:
            form.refuse(messages_of(error))
            application.refresh_from_db()
        except Changed:
            application.refresh_from_db()
            form.add_error(None, _told(application))
            seen = versions.of_application(application)
        else:
            messages.success(request, f"Saved {application}.")
            return redirect("application", application.pk)
    context = {"form": form, "application": application, "seen": seen, "base": "apis/application_base.html"}
    return render(request, "apis/application_form.html", context, status=422 if form.errors else 200)


def delete(request: Request, pk: int) -> HttpResponse:
    """Says which contracts end with it; the name must be typed where one of them lets it pass."""
    application = application_to_change(request, pk)
    contracts = application.contracts.select_related("api__asset", "api__environment", "tier")
    approved = contracts.filter(status=Contract.Status.APPROVED).count()
    errors: list[str] = []
    if request.method == "POST":
        if not approved or request.POST.get("name", "").strip() == application.name:
            change.delete(request.user, application)
            messages.success(request, f"Deleted {application}; its credentials work nowhere any more.")
            return redirect("applications")
        errors = [f'Type "{application.name}" to delete an application that may call APIs.']
    confirm = Field(
        "text",
        "name",
        f"Type {application.name} to confirm",
        is_required=True,
        value="",
        errors=tuple(errors),
        attributes={"autocomplete": "off"},
    )
    context = {
        "confirm": confirm,
        "application": application,
        "contracts": contracts[:HISTORY_SHOWN],
        "contracts_count": contracts.count(),
        "approved": approved,
        "errors": errors,
    }
    return render(request, "apis/application_delete.html", context, status=422 if errors else 200)


def _told(application: Application) -> str:
    entry = audit.history(application).first()
    who = f"{entry.actor_name} changed this" if entry else "This was changed"
    return f"{who} after you opened it. Save again to overwrite it with what you wrote here."


def _which(found: Any, chosen: str) -> Any:
    if chosen == "expired":
        return found.filter(expires_at__lte=timezone.now())
    if chosen == "unused":
        return found.filter(~Exists(Contract.objects.filter(application=OuterRef("pk"))))
    if chosen == "pending":
        return found.filter(pk__in=Contract.objects.waiting().values("application"))
    return found


def rows_of(page: Any) -> list[tuple[Application, dict[str, int], traffic.Traffic | None]]:
    """With each, how many contracts of which status it has, and its calls of a day."""
    applications = list(page.object_list.prefetch_related("owners", "teams"))
    counts: dict[int, dict[str, int]] = {}
    found = Contract.objects.filter(application__in=applications).order_by()
    for pk, status, count in found.values_list("application", "status").annotate(Count("pk")):
        counts.setdefault(pk, {})[status] = count
    calls = traffic.of_applications({one.pk: one.name for one in applications})
    return [(one, counts.get(one.pk, {}), calls.get(one.pk)) for one in applications]
