"""Users: who they are, whether they may log in, and their roles."""

from functools import partial

from django.contrib import messages
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from console import account_security, accounts, audit, granting, once, passwords
from console.factors import changes, needed
from console.finder import where
from console.forms import searched
from console.listing import asked, listing
from console.models import Organization, Role, User
from console.pages.administration.access import administered, attempt, attempt_or_say
from console.pages.administration.forms import RoleForm, UserForm, WholeRoleForm, apis_in
from console.providers import people
from console.scope import Request
from console.sessions import logins
from console.tokens.models import PersonalToken

PAGE_SIZE = 50
ORDERS = {"username": "username", "email": "email", "last_login": "last_login", "active": "-is_active"}


def users(request: Request) -> HttpResponse:
    query, sort = asked(request), request.GET.get("sort", "username")
    order = ORDERS.get(sort.lstrip("-"), "username")
    found = _known(request, administered(request)).order_by(_turned(order, sort.startswith("-")), "username")
    if query:
        found = found.filter(Q(username__icontains=query) | Q(email__icontains=query))
    shown = listing(request, "users", "user", found, size=PAGE_SIZE, searches="name or email", sort=sort)
    return shown.answer(
        request, "console/administration/users.html", "console/administration/_users.html", {}
    )


def add(request: Request) -> HttpResponse:
    """The password is generated, and shown in the answer to the form and never again."""
    form = UserForm(administered(request), request.POST or None)
    if form.is_valid():
        facts = form.cleaned_data
        made = attempt(form, lambda: accounts.create_user(request.user, **facts, sending=once.of(request)))
        if made:
            person, password = made
            return render(request, "console/administration/user_password.html", _once(person, password))
    return render(request, "console/administration/user_add.html", {"form": form}, status=_status(form))


@require_GET
def apis(request: Request) -> HttpResponse:
    """What is suggested to be the only API of a role, as one types."""
    place = WholeRoleForm(administered(request), request.GET)
    place.full_clean()
    organization = place.cleaned_data.get("organization")
    found = apis_in(organization, place.cleaned_data.get("environment")) if organization else None
    typed = request.GET.get("api", "")
    rows = searched.suggested(found, typed) if found is not None else []
    choices = [(searched.suggestion(one), where(one.environment)) for one in rows]
    return render(request, "components/_suggested_apis.html", {"choices": choices})


def user(request: Request, pk: object) -> HttpResponse:
    """A user's page; POST grants a role."""
    organizations = administered(request)
    person = get_object_or_404(_known(request, organizations), pk=pk)
    form = RoleForm(organizations, request.POST or None)
    if form.is_valid():
        grant = partial(granting.grant_role, request.user, person, **form.place())
        if attempt(form, grant):
            messages.success(request, f"{person} has the role now.")
            return redirect("user", pk)
    entries = audit.history(person).visible_to(request.user)[:20]
    sessions = logins.shown(person, request.session)
    context = {
        "person": person,
        "form": form,
        "entries": entries,
        "sessions": sessions,
        "tokens": _tokens(request, person),
        "has_factor": needed.has_factor(person),
        "provided": people.provided_to(person),
    }
    return render(request, "console/administration/user.html", context, status=_status(form))


@require_POST
def set_active(request: Request, pk: object) -> HttpResponse:
    person = get_object_or_404(_known(request, administered(request)), pk=pk)
    is_active = request.POST.get("active") == "1"
    if attempt_or_say(request, lambda: accounts.set_active(request.user, person, is_active)):
        messages.success(
            request, f"{person} may log in again." if is_active else f"{person} can no longer log in."
        )
    return redirect("user", pk)


@require_POST
def reset_password(request: Request, pk: object) -> HttpResponse:
    person = get_object_or_404(_known(request, administered(request)), pk=pk)
    password = accounts.reset_password(request.user, person)
    return render(request, "console/administration/user_password.html", _once(person, password))


@require_POST
def make_link(request: Request, pk: object) -> HttpResponse:
    """To a new password; shown in this answer and never again."""
    person = get_object_or_404(_known(request, administered(request)), pk=pk)
    link = passwords.make_link(request.user, person)
    context = {"person": person, "link": link}
    return render(request, "console/administration/user_link.html", context)


@require_POST
def end_sessions(request: Request, pk: object) -> HttpResponse:
    person = get_object_or_404(_known(request, administered(request)), pk=pk)
    account_security.end_sessions(request.user, person)
    messages.success(request, f"{person} is logged out everywhere.")
    return redirect("user", pk)


@require_POST
def reset_factor(request: Request, pk: object) -> HttpResponse:
    person = get_object_or_404(_known(request, administered(request)), pk=pk)
    changes.reset(request.user, person)
    messages.success(
        request, f"{person} logs in with the password alone until a new second factor is set up."
    )
    return redirect("user", pk)


@require_POST
def revoke(request: Request, pk: int) -> HttpResponse:
    roles = Role.objects.select_related("organization", "environment", "user", "team")
    role = get_object_or_404(roles.filter(organization__in=administered(request)), pk=pk)
    role_pk, given = role.pk, people.provided_to(role.user) if role.user else {}
    if attempt_or_say(request, lambda: granting.revoke_role(request.user, role)):
        words = f"{role.holder} lost the role."
        if by := given.get(role_pk):
            words += f" It comes back with the next login by {by}, unless its group is taken off there."
        messages.success(request, words)
    if role.team:
        return redirect(role.team)
    known = role.user and _known(request, administered(request)).filter(pk=role.user.pk).exists()
    return redirect("user", role.user_id) if role.user_id and known else redirect("users")


def _known(request: Request, organizations: QuerySet[Organization]) -> QuerySet[User]:
    """Users with a role in what one administers, with those roles, and who owns a client application there.
    All users for a superuser.
    """
    shown = Role.objects.filter(organization__in=organizations).select_related(
        "organization", "environment", "custom", "api__asset"
    )
    people = User.objects.prefetch_related(Prefetch("roles", shown.order_by("organization__path")))
    if request.user.is_superuser:
        return people
    owned = Q(applications__organization__in=organizations)
    owned |= Q(teams__applications__organization__in=organizations)
    return people.filter(shown.holders() | Q(pk__in=User.objects.filter(owned).values("pk")))


def _tokens(request: Request, person: User) -> int:
    return PersonalToken.objects.administered_by(request.user).live().filter(user=person).count()


def _turned(order: str, is_reversed: bool) -> str:
    if not is_reversed:
        return order
    return order[1:] if order.startswith("-") else f"-{order}"


def _once(person: User, password: str) -> dict[str, object]:
    return {"person": person, "password": password}


def _status(form: RoleForm) -> int:
    return 422 if form.errors else 200
