"""Identity providers: by which people of an organization log in, and what their groups may do."""

from functools import partial

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from console import audit
from console.listing import asked, listing
from console.models import OrganizationQuerySet
from console.pages.administration.access import administered, administered_row, attempt
from console.pages.administration.provider_forms import GroupForm, GroupTeamForm, ProviderForm
from console.pages.with_provider import back_address
from console.providers import changes, discovery
from console.providers.fetching import Unfetched
from console.providers.models import GroupRole, GroupTeam, IdentityProvider
from console.scope import Request


def providers(request: Request) -> HttpResponse:
    found = IdentityProvider.objects.filter(organization__in=administered(request))
    if query := asked(request):
        found = found.filter(Q(name__icontains=query) | Q(discovery_url__icontains=query))
    found = found.select_related("organization").annotate(people=Count("identities")).order_by("name", "id")
    shown = listing(request, "providers", "identity provider", found, searches="name or address")
    page, part = "console/administration/providers.html", "console/administration/_providers.html"
    return shown.answer(request, page, part, {})


def add(request: Request) -> HttpResponse:
    form = ProviderForm(request.user, administered(request), request.POST or None)
    if _saved(request, form):
        made = form.instance
        messages.success(request, f"{made} was added. Say below which groups have which roles.")
        _ask(request, made)
        return redirect(made)
    context = {"form": form, "title": "Add identity provider"}
    status = 422 if form.errors else 200
    return render(request, "console/administration/provider_add.html", context, status=status)


def provider(request: Request, pk: object) -> HttpResponse:
    """POST saves its settings."""
    found = _provider(request, pk)
    form = ProviderForm(request.user, administered(request), request.POST or None, instance=found)
    if _saved(request, form):
        messages.success(request, "The identity provider was saved.")
        _ask(request, found)
        return redirect(found)
    return _page(request, found, form=form)


@require_POST
def test(request: Request, pk: object) -> HttpResponse:
    """Ask it now who it is."""
    found = _provider(request, pk)
    if _ask(request, found):
        messages.success(request, f"{found} answers, and says where people log in.")
    return redirect(found)


@require_POST
def delete(request: Request, pk: object) -> HttpResponse:
    found = _provider(request, pk)
    changes.delete(request.user, found)
    messages.success(request, f"{found} was deleted. Nobody logs in by it any more.")
    return redirect("providers")


@require_POST
def add_group(request: Request, pk: object) -> HttpResponse:
    found = _provider(request, pk)
    form = GroupForm(_below(request, found), request.POST)
    give = partial(changes.add_group, request.user, found)
    if form.is_valid() and attempt(form, lambda: give(**form.cleaned_data)) is not None:
        messages.success(request, "From their next login on, the members of this group have the role.")
        return redirect(found)
    return _page(request, found, group_form=form)


@require_POST
def remove_group(request: Request, pk: object, group: int) -> HttpResponse:
    found = _provider(request, pk)
    given = get_object_or_404(
        GroupRole.objects.select_related("provider__organization"), pk=group, provider=found
    )
    changes.remove_group(request.user, given)
    messages.success(request, f"The members of {given.group} lose the role with their next login.")
    return redirect(found)


@require_POST
def add_group_team(request: Request, pk: object) -> HttpResponse:
    found = _provider(request, pk)
    form = GroupTeamForm(_below(request, found), request.POST)
    put = partial(changes.add_group_team, request.user, found)
    if form.is_valid() and attempt(form, lambda: put(**form.cleaned_data)) is not None:
        messages.success(request, "From their next login on, the members of this group are in the team.")
        return redirect(found)
    return _page(request, found, team_form=form)


@require_POST
def remove_group_team(request: Request, pk: object, group_team: int) -> HttpResponse:
    found = _provider(request, pk)
    every = GroupTeam.objects.select_related("provider__organization", "team__organization")
    given = get_object_or_404(every, pk=group_team, provider=found)
    changes.remove_group_team(request.user, given)
    messages.success(request, f"The members of {given.group} leave {given.team} with their next login.")
    return redirect(found)


@transaction.atomic
def _saved(request: Request, form: ProviderForm) -> bool:
    """Looked at and saved in one: nobody's change in between is overwritten unseen."""
    if form.is_valid():
        secret, removes = form.cleaned_data["secret"], form.cleaned_data.get("removes_secret", False)
        save = partial(changes.save, request.user, form.instance, secret, removes_secret=removes)
        attempt(form, save)
        return not form.errors
    return False


def _provider(request: Request, pk: object) -> IdentityProvider:
    return administered_row(request, IdentityProvider.objects.all(), pk)


def _page(
    request: Request,
    found: IdentityProvider,
    form: ProviderForm | None = None,
    group_form: GroupForm | None = None,
    team_form: GroupTeamForm | None = None,
) -> HttpResponse:
    """As it is stored; a form that was refused shows what was typed."""
    form = form or ProviderForm(request.user, administered(request), instance=found)
    if form.errors:
        found = IdentityProvider.objects.select_related("organization").get(pk=found.pk)
    given = found.group_roles.select_related("organization", "environment")
    context = {
        "provider": found,
        "form": form,
        "group_form": group_form or GroupForm(_below(request, found)),
        "given": given,
        "team_form": team_form or GroupTeamForm(_below(request, found)),
        "in_teams": found.group_teams.select_related("team__organization"),
        "people": found.identities.count(),
        "redirect": back_address(found),
        "login": request.build_absolute_uri(reverse("login_at", args=[found.slug])),
        "after_logout": request.build_absolute_uri(reverse("login")),
        "entries": audit.history(found)[:20],
    }
    is_refused = any(one is not None and one.errors for one in (form, group_form, team_form))
    status = 422 if is_refused else 200
    return render(request, "console/administration/provider.html", context, status=status)


def _below(request: Request, found: IdentityProvider) -> OrganizationQuerySet:
    return administered(request).filter(path__startswith=found.organization.path)


def _ask(request: Request, found: IdentityProvider) -> bool:
    """Whether it answers; a warning says why it does not."""
    try:
        discovery.fresh(found)
    except Unfetched as error:
        messages.warning(
            request, f"{found} was asked for its discovery document, and nobody can log in yet: {error}."
        )
        return False
    return True
