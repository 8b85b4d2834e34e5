"""Logging in by an identity provider, and tying one to one's account."""

import uuid
from dataclasses import asdict
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.http import require_GET, require_POST

from console.factors import needed
from console.models import Role, User
from console.pages.entering import enter
from console.pages.factors import confirmed
from console.pages.session import on_this_site
from console.providers import oidc, people
from console.providers.fetching import Unfetched
from console.providers.models import Identity, IdentityProvider
from console.providers.oidc import LoginRefused, Proven, Started
from console.scope import Request

STARTED = "provider_logins"
"""In a session: the logins that were begun in it, by their state."""
MOVED = "moved"
MOST_STARTED = 5
MOST_HINT_CHARACTERS = 4096


def back_address(provider: IdentityProvider) -> str:
    """Where the provider sends the browser back: it knows this address and no other."""
    return f"{settings.CONSOLE_URL}{reverse('login_back', args=[provider.pk])}"


@login_not_required
@require_GET
def begin(request: HttpRequest, provider: object) -> HttpResponse:
    """A link, as a form that leads to another site is refused by our own content policy."""
    found = get_object_or_404(IdentityProvider, pk=provider, is_enabled=True)
    next_page = on_this_site(request, request.GET.get("next", ""))
    if request.get_host() != urlsplit(settings.CONSOLE_URL).netloc and MOVED not in request.GET:
        # The cookie must be where the provider leads back to. Once: a proxy may show us another name.
        moved = urlencode({MOVED: 1, "next": next_page})
        return redirect(f"{settings.CONSOLE_URL}{request.path}?{moved}")
    return _leave(request, found, next_page)


@require_GET
@confirmed
def begin_tying(request: Request, provider: object) -> HttpResponse:
    """Only from the link on one's own profile: another site's could tie somebody else's account there."""
    found = get_object_or_404(_of(request.user), pk=provider)
    if not constant_time_compare(request.GET.get("key", ""), tying_key(request, found)):
        raise PermissionDenied("Use the link on your profile.")
    return _leave(request, found, reverse("profile"), str(request.user.pk))


@require_POST
def untie(request: Request, identity: int) -> HttpResponse:
    found = get_object_or_404(
        Identity.objects.select_related("provider__organization"), pk=identity, user=request.user
    )
    try:
        people.untie(request.user, found)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"{found.provider} no longer logs you in.")
    return redirect("profile")


@login_not_required
@require_GET
def back(request: HttpRequest, provider: object) -> HttpResponse:
    """The end of the login that this browser began: its state is good once, and for some minutes."""
    found = get_object_or_404(IdentityProvider, pk=provider, is_enabled=True)
    started = _taken(request, found)
    if started is None:
        return _told(request, "This login was not begun in this browser, or a while ago. Log in once more.")
    answer = {name: request.GET.get(name, "") for name in ("code", "iss", "error", "error_description")}
    try:
        proven = oidc.finish(found, started, {k: v for k, v in answer.items() if v}, back_address(found))
        if started.user:
            return _tie(request, found, proven, started)
        user = people.let_in(found, proven)
    except LoginRefused as error:
        return _told(request, str(error))
    except Unfetched as error:
        return _told(request, _down(found, error))
    end = proven.end_session_endpoint
    hint = proven.id_token if len(proven.id_token) <= MOST_HINT_CHARACTERS else ""
    by = {"name": found.name, "client_id": found.client_id, "end": end, "hint": hint}
    return enter(
        request,
        user,
        started.next,
        by | {"checks": found.checks_second_factor and not needed.is_needed_above(found.organization)},
    )


def tying_key(request: HttpRequest, provider: IdentityProvider) -> str:
    """Known to this session's own pages alone."""
    text = f"{request.session.session_key} {provider.pk}"
    return salted_hmac("console.with_provider", text, algorithm="sha256").hexdigest()


def to_tie(request: Request) -> list[tuple[IdentityProvider, str]]:
    """Each provider that the user might tie, with the link that begins it."""
    tied = request.user.identities.values("provider")
    found = _of(request.user).exclude(pk__in=tied)[:20]
    return [
        (one, f"{reverse('provider_tie', args=[one.pk])}?{urlencode({'key': tying_key(request, one)})}")
        for one in found
    ]


def _of(user: User) -> QuerySet[IdentityProvider]:
    """Of the organizations in which the user has a role, and of those above."""
    held = [role.organization for role in Role.objects.of(user).select_related("organization")]
    above = {uuid.UUID(pk) for one in held for pk in one.path.split("/") if pk}
    fitting = IdentityProvider.objects.filter(is_enabled=True, organization__in=above)
    return fitting.select_related("organization")


def _leave(request: HttpRequest, provider: IdentityProvider, next_page: str, user: str = "") -> HttpResponse:
    try:
        started, address = oidc.start(provider, back_address(provider), next_page, user)
    except Unfetched as error:
        return _told(request, _down(provider, error))
    begun = request.session.get(STARTED, {})
    kept = dict(list(begun.items())[1 - MOST_STARTED :]) if len(begun) >= MOST_STARTED else begun
    request.session[STARTED] = {**kept, started.state: asdict(started)}
    return redirect(address)


def _taken(request: HttpRequest, provider: IdentityProvider) -> Started | None:
    """What was begun with this state, which does not count a second time."""
    begun = dict(request.session.get(STARTED, {}))
    found = begun.pop(request.GET.get("state", ""), None)
    if found is None:
        return None
    request.session[STARTED] = begun
    request.session.save()
    started = Started(**found)
    mine = str(request.user.pk) if request.user.is_authenticated else ""
    if started.provider != str(provider.pk) or started.is_late or (started.user and started.user != mine):
        return None
    return started


def _tie(request: HttpRequest, provider: IdentityProvider, proven: Proven, started: Started) -> HttpResponse:
    user = request.user
    assert isinstance(user, User)
    people.tie(provider, proven, user)
    messages.success(request, f"From now on you can log in by {provider}.")
    return redirect("profile")


def _down(provider: IdentityProvider, error: Unfetched) -> str:
    return (
        f"{provider} cannot be asked: {error}. Who has a password here can log in with it, "
        "administrators in any case."
    )


def _told(request: HttpRequest, words: str) -> HttpResponse:
    messages.error(request, words)
    return redirect("profile" if request.user.is_authenticated else "login")
