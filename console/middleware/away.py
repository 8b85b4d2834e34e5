"""What the console answers while its database is away: that it is, at once, until it is back.

The first request that meets the fault finds it out. From then on one request at a time tries to
connect and all others are answered at once, so that a database that hangs cannot take every thread.
"""

import logging
import sys
import threading
from collections.abc import Callable
from datetime import datetime

from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.defaults import server_error as page_of_bug

from console import database

LONGEST_SECONDS = 10
"""How long a request waits for one answer of the database."""
RETRY_SECONDS = 5
MESSAGE = "The console's database does not answer. Try again in a few seconds."
BUG = "Something broke in the console, and nothing was changed. Its log says what; tell whoever runs it."

log = logging.getLogger(__name__)


class _Fault:
    """Since when the database has been away, as far as this process knows."""

    since: datetime | None = None
    trying = threading.Lock()


class AwayMiddleware:
    """Answers in the database's stead while it is away. /healthz tells of it by itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == "/healthz":
            return self.get_response(request)
        since = _Fault.since
        if since and not _is_back():
            return _away(request, since)
        with database.waiting_at_most(database.PROBE_SECONDS):
            connection.close_if_health_check_failed()
        with database.waiting_at_most(LONGEST_SECONDS):
            return self.get_response(request)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: an error of the database, when that is away, is not the console's bug."""
    error = sys.exc_info()[1]
    if not isinstance(error, OperationalError | InterfaceError) or database.answers():
        return page_of_bug(request) if _is_browser(request) else _told(500, BUG, "bug")
    since = _Fault.since
    if since is None:
        since = _Fault.since = timezone.now()
        log.error("database=away reason=%r", str(error))
    return _away(request, since)


def _away(request: HttpRequest, since: datetime) -> HttpResponse:
    """503, as a page for browsers and as JSON for programs. Asks the database nothing."""
    answer: HttpResponse
    if _is_browser(request):
        context = {"since": since, "is_read": request.method in ("GET", "HEAD"), "seconds": RETRY_SECONDS}
        answer = HttpResponse(render_to_string("503.html", context), status=503)
    else:
        answer = _told(503, MESSAGE, "database_away")
    answer["Retry-After"] = str(RETRY_SECONDS)
    answer["Cache-Control"] = "no-store"
    answer._has_been_logged = True  # type: ignore[attr-defined]  # the fault is one line, not one each request
    return answer


def _is_browser(request: HttpRequest) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _told(status: int, message: str, kind: str) -> HttpResponse:
    """As the REST interface tells every error."""
    from console.rest import errors  # not earlier: our REST modules and DRF import each other

    return JsonResponse(errors.body(status, [("", message, kind)]), status=status)


def _is_back() -> bool:
    """Whether the database answers again. One thread asks; the others take it for away meanwhile."""
    if not _Fault.trying.acquire(blocking=False):
        return False
    try:
        if _Fault.since and database.answers():
            log.warning("database=back away_seconds=%.0f", (timezone.now() - _Fault.since).total_seconds())
            _Fault.since = None
        return _Fault.since is None
    finally:
        _Fault.trying.release()
