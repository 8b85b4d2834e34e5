"""The end of every way to log in: whoever has proven who they are gets their session here, after the second
factor if they have one.
"""

import time
from datetime import timedelta
from typing import Any

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from console.factors import needed
from console.models import User

BACKEND = "console.login_attempts.LimitedBackend"
PROVIDER = "provider"
"""In a session: by which identity provider it was logged in, and how to log out there."""
FACTOR = "factor"
"""In a session: which second factor it was logged in with."""
PENDING = "pending_login"
"""In a session of nobody: who has proven the first factor, and must prove the second."""
PENDING_SECONDS = 600
BY_PROVIDER = timedelta(hours=12)
"""So long a login by a provider lasts: who has left its groups is noticed at the next one."""


def enter(
    request: HttpRequest, user: User, next_page: str, provider: dict[str, Any] | None = None
) -> HttpResponse:
    """Where to go: on, or to the page that asks for the second factor."""
    if provider and provider["checks"]:
        return let_in(request, user, next_page, provider, "provider")
    if not needed.has_factor(user):
        return let_in(request, user, next_page, provider)
    request.session.cycle_key()
    request.session[PENDING] = {
        "user": str(user.pk),
        "password": user.get_session_auth_hash(),
        "at": time.time(),
        "next": next_page,
        "provider": provider,
    }
    return redirect("login_second")


def waiting(request: HttpRequest) -> tuple[User, dict[str, Any]] | None:
    """Who is asked for the second factor in this browser; nobody after some minutes, or a new password."""
    pending = request.session.get(PENDING)
    if not pending or time.time() > pending["at"] + PENDING_SECONDS:
        return None
    user = User.objects.filter(pk=pending["user"], is_active=True).first()
    if user is None or not constant_time_compare(user.get_session_auth_hash(), pending["password"]):
        return None
    return user, pending


def let_in(
    request: HttpRequest,
    user: User,
    next_page: str,
    provider: dict[str, Any] | None = None,
    factor: str = "",
) -> HttpResponse:
    login(request, user, backend=BACKEND)
    request.session.pop(PENDING, None)
    request.session[FACTOR] = factor
    if provider:
        request.session[PROVIDER] = provider
        request.session.set_expiry(timezone.now() + BY_PROVIDER)
    return redirect(next_page)
