"""What people read when a request is refused before any view has seen it."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.defaults import bad_request as page_of_bad_request
from django.views.defaults import page_not_found

from console.rest.schema import unknown

TOO_LARGE = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: a form over the limits is one that is too large (413), and is told the limits."""
    if not isinstance(exception, TOO_LARGE):
        return page_of_bad_request(request, exception)
    limits = {
        "bytes": settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        "file_bytes": settings.UPLOAD_MAX_BYTES,
        "fields": settings.DATA_UPLOAD_MAX_NUMBER_FIELDS,
    }
    return HttpResponse(render_to_string("413.html", limits), status=413)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404: a page for browsers and for who is logged in, JSON for programs."""
    is_program = "text/html" not in request.headers.get("Accept", "")
    if not is_program or getattr(request, "user", AnonymousUser()).is_authenticated:
        return page_not_found(request, exception)
    return unknown(request)


class SizeMiddleware:
    """Refuses a form with more than one file may have, before anything of it is written to the disk."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        most = settings.UPLOAD_MAX_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        length = request.META.get("CONTENT_LENGTH") or "0"
        if request.content_type == "multipart/form-data" and length.isdecimal() and int(length) > most:
            raise RequestDataTooBig(f"The form has {length} bytes; at most {most} are taken.")
        return self.get_response(request)


class NulMiddleware:
    """Refuses a query or a form that holds a NUL character, which no text of the database's may.

    What programs send is read by its own rules: the REST interface says so by field.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: Any) -> None:
        if getattr(view, "csrf_exempt", False):
            return
        texts = (text for sent in (request.GET, request.POST) for _, found in sent.lists() for text in found)
        if any("\0" in str(text) for text in texts):
            raise BadRequest("The request holds a NUL character.")


class MethodMiddleware:
    """Shows a page to whoever opens, in a browser, an address that only takes what a button sends."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_opened = request.method in ("GET", "HEAD") and "text/html" in request.headers.get("Accept", "")
        if not is_opened or not isinstance(response, HttpResponseNotAllowed) or request.htmx:  # type: ignore[attr-defined]
            return response
        page = render(request, "405.html", status=response.status_code)
        page["Allow"] = response["Allow"]
        page._has_been_logged = True  # type: ignore[attr-defined]  # Django's decorator did
        return page
