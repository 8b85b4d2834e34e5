"""Tells every part of the console the client's own address and scheme, when trusted proxies stand before it.

X-Forwarded-For is a list to which each proxy adds whom it heard from, after whatever the client itself
wrote there. So it is read from the right, and only as long as who speaks is trusted. Whoever comes through
the Unix socket is the front: nobody else may open it, and it has no address.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Address = IPv4Address | IPv6Address


class ProxyMiddleware:
    """Puts what a trusted proxy says of the client where Django looks for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        told = request.META.get("REMOTE_ADDR", "")
        peer = _address(told)
        if not told or (peer is not None and _is_trusted(peer)):
            client = _client(peer, request.META.get("HTTP_X_FORWARDED_FOR", ""))
            request.META["REMOTE_ADDR"] = str(client or "")
            if request.META.get("HTTP_X_FORWARDED_PROTO", "").strip().lower() == "https":
                request.META["wsgi.url_scheme"] = "https"
        return self.get_response(request)


def _client(peer: Address | None, forwarded: str) -> Address | None:
    """The first address from the right that is not trusted; where the list ends or makes no sense, the last
    one known.
    """
    client = peer
    for entry in reversed(forwarded.split(",")):
        before = _address(entry)
        if before is None:
            return client
        client = before
        if not _is_trusted(client):
            return client
    return client


def _is_trusted(address: Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)


def _address(text: str) -> Address | None:
    """Some proxies write the port too: 192.0.2.7:4711, [2001:db8::7]:4711."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped if isinstance(found, IPv6Address) else None) or found
