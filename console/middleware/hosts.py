"""The names that the console answers to: any other in a request's `Host` is refused, in one line of log.

A page of another site whose name is made to lead here (DNS rebinding) would else read what its visitor may
read. An address in place of a name cannot be made to lead elsewhere, so all addresses are answered to,
unless an operator lists what is to be.
"""

import json
import logging
import os
import socket
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host
from django.template.loader import render_to_string

ANY_ADDRESS = "any address"
LOOPBACK = ("localhost", ".localhost", "127.0.0.1", "[::1]")
LONGEST_SHOWN = 100

log = logging.getLogger(__name__)


def allowed(console_url: str) -> tuple[str, ...]:
    """GATEWRIGHT_ALLOWED_HOSTS, or this machine's name, that of the console's address and any address."""
    own = (*LOOPBACK, (urlsplit(console_url).hostname or "").lower())
    given = os.environ.get("GATEWRIGHT_ALLOWED_HOSTS", "")
    listed = tuple(host.strip().lower() for host in given.split(",") if host.strip())
    for host in listed:
        if host != "*" and split_domain_port(host.removeprefix(".")) != (host.removeprefix("."), ""):
            raise ImproperlyConfigured(
                f'GATEWRIGHT_ALLOWED_HOSTS: "{host}" is no host name, which has no scheme, port or path; '
                "write them like gateway.example.com or .example.com, separated by commas."
            )
    return (*own, *(listed or (socket.gethostname().lower(), ANY_ADDRESS)))


class HostMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        host = request.META.get("HTTP_HOST", "")
        name, _ = split_domain_port(host)
        if host and not _is_allowed(name):
            return _refusal(request, host, name)
        return self.get_response(request)


def _is_allowed(name: str) -> bool:
    """`name` is "" when the header holds no name at all."""
    if not name:
        return False
    return validate_host(name, settings.CONSOLE_HOSTS) or (
        ANY_ADDRESS in settings.CONSOLE_HOSTS and _is_address(name)
    )


def _is_address(name: str) -> bool:
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _refusal(request: HttpRequest, host: str, name: str) -> HttpResponse:
    """Asks neither the database nor Django for the host."""
    log.warning("host=%r refused=true", host[:LONGEST_SHOWN])
    answer: HttpResponse
    if "text/html" in request.headers.get("Accept", ""):
        page = render_to_string("400_host.html", {"name": name[:LONGEST_SHOWN]})
        answer = HttpResponse(page, status=400)
    else:
        from console.rest import errors  # not earlier: our REST modules and DRF import each other

        told = f'"{name[:LONGEST_SHOWN]}" is not a name of this console; GATEWRIGHT_ALLOWED_HOSTS lists them.'
        text = json.dumps(errors.body(400, [("", told, "host")]))
        answer = HttpResponse(text, status=400, content_type="application/json")
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer
