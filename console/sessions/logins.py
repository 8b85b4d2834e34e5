"""A user's sessions: where each was logged in, when it was used last, and its end."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from console.models import AccessToken, User
from console.sessions.engine import LOGIN, USER
from console.sessions.models import LoginSession, number_of

SEEN_EVERY = timedelta(minutes=1)
MOST_SHOWN = 100


def watch() -> None:
    user_logged_in.connect(_note, dispatch_uid="console.sessions")


def of(user: User) -> QuerySet[LoginSession]:
    """Those that still go on, the one used last first."""
    return LoginSession.objects.filter(user=user, expire_date__gt=timezone.now())


def shown(user: User, session: SessionBase) -> list[LoginSession]:
    """For a list: the one that asks stands first, and carries `is_this`."""
    this = number_of(session.session_key or "")
    found = list(of(user).defer("session_data")[:MOST_SHOWN])
    for one in found:
        one.is_this = one.number == this  # type: ignore[attr-defined]  # of the list alone
    return sorted(found, key=lambda one: one.number != this)


def end(user: User, number: uuid.UUID) -> bool:
    """False where it has ended already, or is somebody else's."""
    return bool(of(user).filter(number=number).delete()[0])


def end_all(user: User, but: SessionBase | None = None) -> int:
    """How many ended."""
    found = LoginSession.objects.filter(user=user)
    if but is not None:
        found = found.exclude(session_key=but.session_key or "")
    return found.delete()[0]


def end_tokens(users: QuerySet[User]) -> None:
    """Of REST, those that these got with a password, at the address of a connected app of another, too."""
    found = AccessToken.objects.filter(user__in=users).exclude(connected_app__owner=F("user"))
    AccessToken.objects.filter(pk__in=list(found.values_list("pk", flat=True))).delete()


class LastUsedMiddleware:
    """Notes that a session is used, once a minute; one of before sessions had users gets its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        row: LoginSession | None = getattr(request.session, "row", None)
        if row is None or not request.session.session_key or not request.session.get(USER):
            return answer
        if row.user_id is None:
            request.session.modified = True
        elif row.last_used_at is None or row.last_used_at < timezone.now() - SEEN_EVERY:
            LoginSession.objects.filter(pk=row.pk).update(last_used_at=timezone.now())
        return answer


def _note(request: HttpRequest, **_: Any) -> None:
    request.session[LOGIN] = {
        "address": request.META.get("REMOTE_ADDR", "")[:64],
        "user_agent": request.META.get("HTTP_USER_AGENT", "").replace("\0", "")[:200],
        "at": timezone.now().isoformat(),
    }
