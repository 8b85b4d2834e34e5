"""Teams: their members, and the roles that these hold by them."""

from functools import partial

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from console import audit, granting
from console.listing import asked, listing
from console.models import User
from console.pages.administration.access import administered, attempt, attempt_or_say
from console.pages.administration.forms import MemberForm, NewTeamForm, RoleForm, TeamForm
from console.providers import people
from console.scope import Request
from console.teams import changes
from console.teams.models import Team


def teams(request: Request) -> HttpResponse:
    found = Team.objects.filter(organization__in=administered(request)).select_related("organization")
    if query := asked(request):
        found = found.filter(name__icontains=query)
    found = found.annotate(member_count=Count("memberships")).order_by("name", "id")
    shown = listing(request, "teams", "team", found, searches="name")
    page, part = "console/administration/teams.html", "console/administration/_teams.html"
    return shown.answer(request, page, part, {})


def add(request: Request) -> HttpResponse:
    form = NewTeamForm(administered(request), request.POST or None)
    if form.is_valid():
        facts = form.cleaned_data
        if made := attempt(form, lambda: changes.make(request.user, **facts)):
            messages.success(request, f"The team {made} is there; add its members.")
            return redirect(made)
    context = {"form": form, "title": "New team", "action": "Create team"}
    status = 422 if form.errors else 200
    return render(request, "console/administration/small_form.html", context, status=status)


def team(request: Request, pk: int) -> HttpResponse:
    """A team's page; POST gives it a role."""
    found = _team(request, pk)
    form = RoleForm(administered(request), request.POST or None)
    if form.is_valid():
        give = partial(granting.give, request.user, {"team": found}, **form.place())
        if attempt(form, give):
            messages.success(request, f"The members of {found} have the role now.")
            return redirect(found)
    return _page(request, found, form, TeamForm(initial=changes.facts(found)), MemberForm())


def edit(request: Request, pk: int) -> HttpResponse:
    found = _team(request, pk)
    form = TeamForm(request.POST or None, initial=changes.facts(found))
    if form.is_valid():
        attempt(form, lambda: changes.change(request.user, found, **form.cleaned_data))
        if not form.errors:
            messages.success(request, f"Saved {found}.")
            return redirect(found)
        found.refresh_from_db()
    context = {"form": form, "title": f"Edit {found}", "action": "Save team"}
    status = 422 if form.errors else 200
    return render(request, "console/administration/small_form.html", context, status=status)


@require_POST
def add_member(request: Request, pk: int) -> HttpResponse:
    found = _team(request, pk)
    form = MemberForm(request.POST)
    if form.is_valid():
        attempt(form, lambda: changes.add(request.user, found, _user(form.cleaned_data["username"])))
        if not form.errors:
            messages.success(request, f"{form.cleaned_data['username']} is a member of {found} now.")
            return redirect(found)
    return _page(request, found, RoleForm(administered(request)), TeamForm(), form)


@require_POST
def remove_member(request: Request, pk: int, member: int) -> HttpResponse:
    found = _team(request, pk)
    row = get_object_or_404(found.memberships.select_related("user", "team__organization"), pk=member)
    by = people.bringing(row)
    if attempt_or_say(request, lambda: changes.remove(request.user, row)):
        words = f"{row.user} is no longer a member of {found}."
        if by:
            words += (
                f" The next login by {by} brings it back, unless the group is taken out of the team there."
            )
        messages.success(request, words)
    return redirect(found)


@require_POST
def delete(request: Request, pk: int) -> HttpResponse:
    found = _team(request, pk)
    if attempt_or_say(request, lambda: changes.delete(request.user, found)):
        messages.success(request, f"The team {found.name} was deleted.")
        return redirect("teams")
    return redirect("team", pk)


def _user(username: str) -> User:
    found = User.objects.filter(username=username.strip(), is_active=True).first()
    if found is None:
        raise ValidationError({"username": [changes.NOBODY]})
    return found


def _team(request: Request, pk: int) -> Team:
    found = Team.objects.filter(organization__in=administered(request)).select_related("organization")
    return get_object_or_404(found, pk=pk)


def _page(request: Request, found: Team, form: RoleForm, names: TeamForm, member: MemberForm) -> HttpResponse:
    roles = found.roles.filter(organization__in=administered(request))
    context = {
        "team": found,
        "form": form,
        "member_form": member,
        "members": listing(request, "members", "member", found.memberships.select_related("user")),
        "roles": roles.select_related("organization", "environment", "custom", "api__asset"),
        "entries": audit.history(found)[:20],
    }
    status = 422 if form.errors or member.errors else 200
    return render(request, "console/administration/team.html", context, status=status)
