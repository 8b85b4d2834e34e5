"""Access to an API is asked for: from the API's page, from an application's, and by its owner."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from apis.addresses import serves
from apis.changes import contracts as change
from apis.contracts import access
from apis.contracts.models import Application, Contract
from apis.contracts.terms import terms_of
from apis.forms.access_request import AccessForm, ApplicationChoice
from apis.forms.tier_choice import Tiers
from apis.models import ApiInstance
from apis.views.access import api_of, may_on, messages_of, posted
from apis.views.application_access import application_to_change, own_application
from apis.views.application_secrets import MANAGED, OWN
from apis.views.frame import frame
from console.listing import Select, asked, listing
from console.numbers import number
from console.scope import Request
from console.words import words

MOST_OFFERED = 200
"""Applications that an API's form offers; others ask from their own page."""


def of_application(request: Request, pk: int) -> HttpResponse:
    return _of(request, application_to_change(request, pk), MANAGED, "application")


def of_consumer(request: Request, pk: int) -> HttpResponse:
    return _of(request, own_application(request, pk), OWN, "consumer_application")


def of_api(request: Request, pk: int) -> HttpResponse:
    """For one of the applications for which the user may ask."""
    api = api_of(request, pk)
    applications = _mine(request, api)
    if request.method == "POST" and not applications:
        raise PermissionDenied("You have no application to ask for access with.")
    chosen = request.GET.get("application")
    form = ApplicationChoice(
        applications,
        Tiers.active(api, tells_hidden=may_on(request, api)["manage_contracts"]),
        posted(request),
        initial={"application": chosen},
        terms=terms_of(api),
    )
    if form.is_valid():
        rows = Application.objects.select_related("organization")
        application = get_object_or_404(rows, pk=form.cleaned_data["application"])
        if made := _asked(request, form, application, api):
            messages.success(request, _told(made))
            return redirect("api_contracts", api.pk)
    context = frame(request, api, "contracts") | {
        "form": form,
        "applications": applications,
        "may_create": access.may_create_application(request.user, api.environment.organization),
        "not_open": _not_open(api),
    }
    return render(request, "apis/api_request_access.html", context, status=422 if form.errors else 200)


def _of(request: Request, application: Application, base: str, back: str) -> HttpResponse:
    """First the API is chosen from a list, then the tier."""
    chosen = number(request.GET.get("api", "")) if "api" in request.GET else None
    if chosen is None:
        return _choice(request, application, base)
    api = _open(request, application).filter(pk=chosen).first()
    if api is None:
        raise Http404("There is no such API to ask for.")
    form = AccessForm(Tiers.active(api), posted(request), terms=terms_of(api))
    if form.is_valid() and (made := _asked(request, form, application, api)):
        messages.success(request, _told(made))
        return redirect(back, application.pk)
    context = {"form": form, "application": application, "api": api, "base": base, "back": back}
    return render(request, "apis/request_access.html", context, status=422 if form.errors else 200)


def _choice(request: Request, application: Application, base: str) -> HttpResponse:
    """The APIs that the application has no contract with."""
    found = _open(request, application)
    for word in words(asked(request)):
        found = found.filter(
            Q(asset__name__icontains=word) | Q(label__icontains=word) | serves(base_path__icontains=word)
        )
    environments = _environments(request, application)
    where = Select.of(request, "environment", "Environment", environments)
    if where.chosen:
        found = found.filter(environment__name=where.chosen)
    shown = listing(
        request,
        "apis",
        "API",
        found.order_by("asset__name", "pk"),
        searches="name, label or path",
        selects=(where,) if len(environments) > 1 else (),
    )
    context = {"application": application, "base": base}
    return shown.answer(request, "apis/request_access_choice.html", "apis/_apis_to_ask_for.html", context)


def _open(request: Request, application: Application) -> QuerySet[ApiInstance]:
    """Deployed, not deprecated, and without a contract but a rejected one."""
    taken = application.contracts.exclude(status=Contract.Status.REJECTED).values("api")
    found = access.requestable(request.user, application).filter(is_deployed=True, is_deprecated=False)
    return found.exclude(pk__in=taken).select_related("asset", "environment__organization")


def _environments(request: Request, application: Application) -> list[tuple[str, str]]:
    names = _open(request, application).order_by().values_list("environment__name", flat=True).distinct()
    return [(name, name) for name in sorted(names[:MOST_OFFERED])]


def _mine(request: Request, api: ApiInstance) -> list[tuple[int, str]]:
    """(id, name) of those for which the user may ask for this API, and that have no contract with it."""
    taken = api.contracts.exclude(status=Contract.Status.REJECTED).values("application")
    organization = api.environment.organization
    rows = Application.objects.exclude(pk__in=taken).order_by("name", "pk").values_list("pk", "name")
    root = Q(organization__path__startswith=f"{organization.root_id}/")
    owned = Application.objects.owned_by(request.user).order_by().values("pk")
    # Asked for apart: together, all that there are would be sorted.
    found = set(rows.filter(root, pk__in=owned)[:MOST_OFFERED])
    if access.may_manage_applications(request.user, organization):
        found |= set(rows.filter(organization=organization)[:MOST_OFFERED])
    return sorted(found, key=lambda one: (one[1], one[0]))[:MOST_OFFERED]


def _asked(request: Request, form: Any, application: Application, api: ApiInstance) -> Contract | None:
    """None where the rules refuse it, which the form tells then."""
    if not access.may_request(request.user, application, api):
        raise PermissionDenied(f"You may not ask for access to {api} for {application}.")
    try:
        return change.request(request.user, application, api, **form.facts())
    except ValidationError as error:
        for field, texts in messages_of(error).items():
            form.add_error(field if field in form.fields else None, texts)
        return None


def _told(contract: Contract) -> str:
    if contract.status == Contract.Status.APPROVED:
        return f"{contract.application} may call {contract.api} now."
    return f"Asked for access to {contract.api}. Somebody who manages the API decides about it."


def _not_open(api: ApiInstance) -> str:
    if api.is_deprecated:
        return "It is deprecated and takes no new contracts."
    return "" if api.is_deployed else "It is not deployed: a contract lets nobody call it until it is."
