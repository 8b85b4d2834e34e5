"""The addresses of resources: where a gateway listens, where an upstream is."""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

REMEMBERED = 4096
"""Addresses; each is asked for several times a push."""

_LISTENER_EXAMPLE = "write http://0.0.0.0:8081/base"
_UPSTREAM_EXAMPLE = "write https://host:443"
_UPSTREAM_PORTS = {"http": 80, "https": 443, "h2": 80}
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")
PATH = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@%{}-]*")
"""What may stand before the request's own path upstream."""
_BASE_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*")


class BadAddress(ValueError):
    """The text says what is wrong and what to write instead."""


@dataclass(frozen=True)
class ListenerAddress:
    """`base_path` is "" or starts with "/" and has none at its end."""

    scheme: str
    host: str
    port: int
    base_path: str

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback


@dataclass(frozen=True)
class UpstreamAddress:
    scheme: str
    host: str
    port: int
    path: str
    has_port: bool


@lru_cache(REMEMBERED)
def listener_address(text: str) -> ListenerAddress:
    """Reads `http|https://IP:port[/basePath]`. Raises BadAddress."""
    parts = _split(text, ("http", "https"), _LISTENER_EXAMPLE)
    host = (parts.hostname or "").lower()
    if host == "localhost":
        raise BadAddress(
            f'"{text}" listens on localhost, which no other machine can reach; write 0.0.0.0, or 127.0.0.1'
            " where that is meant"
        )
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise BadAddress(
            f'"{host}" is not an IP address to listen on; write 0.0.0.0 for every interface'
        ) from None
    port = _port(parts, text)
    if port is None:
        raise BadAddress(f'"{text}" has no port; {_LISTENER_EXAMPLE}')
    return ListenerAddress(parts.scheme, host, port, base_path(parts.path))


def base_path(text: str) -> str:
    """The base path with no "/" at its end, so "" for the root. Raises BadAddress."""
    if text and not text.startswith("/"):
        raise BadAddress(f'base path "{text}" does not start with "/"; write /{text}')
    path = text.rstrip("/")
    if not _BASE_PATH.fullmatch(path) or "/." in path:
        raise BadAddress(
            f'base path "{text}" is not a plain path; use letters, digits and -._~ between single slashes'
        )
    return path


@lru_cache(REMEMBERED)
def upstream_address(text: str) -> UpstreamAddress:
    """Reads `http|https|h2://host[:port]`; a path is returned for the caller to judge. Raises BadAddress."""
    parts = _split(text, tuple(_UPSTREAM_PORTS), _UPSTREAM_EXAMPLE)
    host = parts.hostname or ""
    if not _is_host(host):
        raise BadAddress(f'"{text}" names no host; {_UPSTREAM_EXAMPLE}')
    port = _port(parts, text)
    return UpstreamAddress(
        parts.scheme, host, port or _UPSTREAM_PORTS[parts.scheme], parts.path.rstrip("/"), port is not None
    )


def is_loopback(url: str) -> bool:
    """Whether the address is this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(text: str, schemes: tuple[str, ...], example: str) -> SplitResult:
    try:
        parts = urlsplit(text)
    except ValueError:
        raise BadAddress(f'"{text}" is not an address; {example}') from None
    if "://" not in text or not parts.scheme:
        raise BadAddress(f'"{text}" has no scheme; {example}')
    if parts.scheme not in schemes:
        raise BadAddress(f'"{text}": scheme "{parts.scheme}" is not one of {", ".join(schemes)}; {example}')
    if parts.username is not None or parts.query or parts.fragment or re.search(r"\s", text):
        raise BadAddress(f'"{text}" holds more than scheme, host, port and path; {example}')
    return parts


def _port(parts: SplitResult, text: str) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise BadAddress(f'"{text}": the port is not a number from 1 to 65535')
    return port


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _HOST_NAME.fullmatch(host) is not None
    return True
