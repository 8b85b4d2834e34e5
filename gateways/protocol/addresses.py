"""The addresses that people write: where a gateway listens, where an upstream is, where the console is."""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, unquote, urlsplit

from gateways.protocol import spelling
from policies.fields.hosts import is_host, port_of

REMEMBERED = 4096
"""Addresses; each is asked for several times a push."""

_LISTENER_EXAMPLE = "write http://0.0.0.0:8081/base"
_UPSTREAM_EXAMPLE = "write https://host:443"
_CONSOLE_EXAMPLE = "write https://console.example.com, with the port where it is another one"
UPSTREAM_PORTS = {"http": 80, "https": 443, "h2": 80}
"""By the scheme of an upstream, where its address has none."""
PATH = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@%{}-]*")
"""What may stand before the request's own path upstream."""
_SEGMENT = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%-]+")


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
    path = text.rstrip("/")
    if text and (wrong := base_path_fault(path or "/")):
        raise BadAddress(f"base path {wrong}")
    return path


def base_path_fault(path: str) -> str | None:
    """What is wrong with a base path that has no slash at its end, or is "/" alone; None when nothing is."""
    if not path.startswith("/"):
        return f'"{path}" must start with "/"; write "/{path}"'
    if path == "/":
        return None
    if "//" in path or "/." in path:
        return f'"{path}" has a segment that is empty or starts with "."; write each by its name'
    for segment in path[1:].split("/"):
        if not _SEGMENT.fullmatch(segment):
            bad = next(one for one in segment if not _SEGMENT.fullmatch(one))
            return f'"{path}" holds "{bad}", which a base path may not; use letters, digits, "-", "." and "_"'
    return _never_reached(path)


def _never_reached(path: str) -> str | None:
    if escape := spelling.needless(path):
        return f'"{path}" holds "{escape}", which no request reaches; write "{unquote(escape)}"'
    if spelling.is_ambiguous(path):
        return f'"{path}" is a path that a gateway refuses from everybody; use letters, digits, "-" and "_"'
    return None


@lru_cache(REMEMBERED)
def upstream_address(text: str) -> UpstreamAddress:
    """Reads `http|https|h2://host[:port]`; a path is returned for the caller to judge. Raises BadAddress."""
    parts = _split(text, tuple(UPSTREAM_PORTS), _UPSTREAM_EXAMPLE)
    host = parts.hostname or ""
    if not is_host(host):
        raise BadAddress(f'"{text}" names no host; {_UPSTREAM_EXAMPLE}')
    port = _port(parts, text)
    return UpstreamAddress(
        parts.scheme, host, port or UPSTREAM_PORTS[parts.scheme], parts.path.rstrip("/"), port is not None
    )


def console_address(text: str) -> str:
    """Without a slash at its end; a path is a proxy's. Raises BadAddress."""
    parts = _split(text.strip(), ("http", "https"), _CONSOLE_EXAMPLE)
    if not parts.hostname:
        raise BadAddress(f'"{text}" names no host; {_CONSOLE_EXAMPLE}')
    _port(parts, text)
    return text.strip().rstrip("/")


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
    if parts.username is not None:
        # What stands there is a secret, and reasons are shown and logged.
        raise BadAddress(f"an address holds no username and password; {example}")
    if parts.query or parts.fragment or re.search(r"\s", text):
        raise BadAddress(f'"{text}" holds more than scheme, host, port and path; {example}')
    return parts


def _port(parts: SplitResult, text: str) -> int | None:
    try:
        return port_of(parts)
    except ValueError as error:
        raise BadAddress(f'"{text}": {error}') from None
