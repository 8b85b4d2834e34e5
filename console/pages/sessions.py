"""Ending sessions: one of one's own, all others, all of somebody else's."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from console.scope import Request
from console.sessions import logins


@require_POST
def end(request: Request, number: object) -> HttpResponse:
    """Of one that has ended already, or is none of one's own, it says the same."""
    logins.end(request.user, number)  # type: ignore[arg-type]  # the address takes a UUID alone
    messages.success(request, "The session has ended: that browser has to log in again.")
    return redirect("profile")


@require_POST
def end_others(request: Request) -> HttpResponse:
    ended = logins.end_all(request.user, but=request.session)
    words = "1 other session has ended." if ended == 1 else f"{ended} other sessions have ended."
    messages.success(request, words if ended else "There was no other session.")
    return redirect("profile")
