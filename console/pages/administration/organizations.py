"""The tree of organizations, and their environments."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apis.changes import client_providers, provider_uses
from console import accounts, audit, environment_settings
from console.factors import changes
from console.factors.models import LoginRule
from console.models import Environment, Organization
from console.pages.administration.access import administered_organization, attempt, attempt_or_say
from console.pages.administration.client_provider_forms import ChoiceForm
from console.pages.administration.forms import DeploysForm, EnvironmentForm, NameForm
from console.pages.administration.tree import tree
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed

OVERWRITES = "Somebody changed this after you opened it. Save again to overwrite it."
MOST_USES = 20
"""Of a client provider, as many as are shown."""


def organizations(request: Request) -> HttpResponse:
    """Everyone sees where they work; the buttons are for administrators."""
    editable = Organization.objects.where(request.user, Permission.ADMINISTER_ORGANIZATION)
    context = {"tree": tree(request.user), "editable": set(editable.values_list("pk", flat=True))}
    return render(request, "console/administration/organizations.html", context)


def organization(request: Request, pk: object) -> HttpResponse:
    """An organization's own page: POST renames it."""
    found = administered_organization(request, pk)
    form = NameForm(request.POST or None, initial={"name": found.name, "seen": found.name})
    if form.is_valid() and not form.is_late(found.name):
        before = found.name
        attempt(form, lambda: accounts.rename_organization(request.user, found, form.cleaned_data["name"]))
        if not form.errors:
            messages.success(request, f"{before} is called {found.name} now.")
            return redirect("organizations")
        found.name = before
    rule = LoginRule.objects.filter(organization=found).first()
    context = {
        "organization": found,
        "form": form,
        "needs_second_factor": bool(rule and rule.needs_second_factor),
        "entries": audit.history(found)[:20],
    }
    return render(request, "console/administration/organization.html", context, status=_status(form))


@require_POST
def login_rule(request: Request, pk: object) -> HttpResponse:
    """Whether its members need a second factor."""
    found = administered_organization(request, pk)
    is_needed = request.POST.get("needed") == "1"
    changes.set_rule(request.user, found, is_needed)
    who = f"The members of {found}"
    messages.success(
        request, f"{who} need a second factor now." if is_needed else f"{who} choose for themselves."
    )
    return redirect("organization", found.pk)


def add_group(request: Request, pk: object) -> HttpResponse:
    parent = administered_organization(request, pk)
    form = NameForm(request.POST or None)
    if form.is_valid():
        name = form.cleaned_data["name"]
        if attempt(form, lambda: accounts.create_organization(request.user, parent, name)):
            messages.success(request, f"The business group {name} was created.")
            return redirect("organizations")
    return _small_form(request, form, f"Create business group in {parent}", "Create business group")


def add_environment(request: Request, pk: object) -> HttpResponse:
    parent = administered_organization(request, pk)
    form = EnvironmentForm(request.POST or None)
    if form.is_valid():
        facts = form.cleaned_data
        if attempt(form, lambda: accounts.create_environment(request.user, parent, **facts)):
            messages.success(request, f"The environment {facts['name']} was created.")
            return redirect("organizations")
    return _small_form(request, form, f"Create environment in {parent}", "Create environment")


def environment(request: Request, pk: object) -> HttpResponse:
    """An environment's own page: POST renames it."""
    found = _environment(request, pk)
    form = NameForm(request.POST or None, initial={"name": found.name, "seen": found.name})
    if form.is_valid() and not form.is_late(found.name):
        before = found.name
        attempt(form, lambda: accounts.rename_environment(request.user, found, form.cleaned_data["name"]))
        if not form.errors:
            messages.success(request, f"{before} is called {found.name} now.")
            return redirect("organizations")
        found.name = before
    return _environment_page(request, found, form)


@require_POST
def environment_deploys(request: Request, pk: object) -> HttpResponse:
    """How saved changes of its APIs are deployed."""
    found = _environment(request, pk)
    form = DeploysForm(request.POST)
    if form.is_valid():
        try:
            attempt(form, partial(_set_deploys, request, found, form.cleaned_data))
        except Changed:
            found.refresh_from_db()
            sent = request.POST.dict() | {"seen": environment_settings.deploys_version(found)}
            form = DeploysForm(sent)
            form.add_error(None, OVERWRITES)
        if not form.errors:
            how = found.get_deploys_display().lower()
            messages.success(request, f"Changes saved in {found} are deployed {how}.")
            return redirect("environment", found.pk)
    name = NameForm(initial={"name": found.name, "seen": found.name})
    return _environment_page(request, found, name, deploys=form)


@require_POST
def environment_provider(request: Request, pk: object) -> HttpResponse:
    """Which client provider judges tokens for its policies."""
    found = _environment(request, pk)
    form = ChoiceForm(found, client_providers.chosen_of(found), request.POST)
    if form.is_valid():
        given = form.cleaned_data
        choose = partial(client_providers.choose, request.user, found, given["provider"], given["truststore"])
        try:
            attempt(form, lambda: choose(seen=given["seen"]))
        except Changed:
            now = client_providers.chosen_of(found)
            form = ChoiceForm(found, now, request.POST.dict() | {"seen": client_providers.version_of(now)})
            form.add_error(None, OVERWRITES)
        if not form.errors:
            chosen = given["provider"]
            said = f"{chosen} judges tokens now" if chosen else "No client provider judges tokens"
            messages.success(request, f"{said} for policies of {found} that name none of their own.")
            return redirect("environment", found.pk)
    name = NameForm(initial={"name": found.name, "seen": found.name})
    return _environment_page(request, found, name, provider=form)


def _set_deploys(request: Request, found: Environment, given: dict[str, Any]) -> None:
    deploys, stop = given["deploys"], given["failing_tests_stop"]
    environment_settings.set_deploys(request.user, found, deploys, stop, seen=given["seen"])


def _deploys_form(found: Environment) -> DeploysForm:
    shown = {"deploys": found.deploys, "failing_tests_stop": found.failing_tests_stop}
    return DeploysForm(initial=shown | {"seen": environment_settings.deploys_version(found)})


def _environment_page(
    request: Request,
    found: Environment,
    form: NameForm,
    deploys: DeploysForm | None = None,
    provider: ChoiceForm | None = None,
) -> HttpResponse:
    deploys = deploys or _deploys_form(found)
    provider = provider or ChoiceForm(found, client_providers.chosen_of(found))
    context = {
        "environment": found,
        "form": form,
        "deploys": deploys,
        "provider": provider,
        "uses": provider_uses.of(found, MOST_USES),
        "entries": audit.history(found)[:20],
    }
    status = 422 if form.errors or deploys.errors or provider.errors else 200
    return render(request, "console/administration/environment.html", context, status=status)


@require_POST
def delete_environment(request: Request, pk: object) -> HttpResponse:
    found = _environment(request, pk)
    if attempt_or_say(request, lambda: accounts.delete_environment(request.user, found)):
        messages.success(request, f"The environment {found.name} was deleted.")
        return redirect("organizations")
    return redirect("environment", pk)


def _environment(request: Request, pk: object) -> Environment:
    visible = Environment.objects.known_to(request.user).select_related("organization")
    found = get_object_or_404(visible, pk=pk)
    administered_organization(request, found.organization_id)
    return found


def _small_form(request: Request, form: NameForm, title: str, action: str) -> HttpResponse:
    context = {"form": form, "title": title, "action": action}
    return render(request, "console/administration/small_form.html", context, status=_status(form))


def _status(form: NameForm) -> int:
    return 422 if form.errors else 200
