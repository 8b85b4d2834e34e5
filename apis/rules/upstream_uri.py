"""What the URL of an upstream may be: read, checked and, when it looks like a resource, warned about."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from gateways.protocol.addresses import PATH, UPSTREAM_PORTS
from gateways.protocol.spelling import is_ambiguous
from policies.fields.hosts import is_host, port_of

MAX_LENGTH = 1024
BASE_PATH_ONLY = "Give the base path only, not a resource: the request's own path is put after it."

_EXTENSION = re.compile(
    r"\.(?:json|xml|html?|php|aspx?|jsp|do|csv|txt|ya?ml|pdf|png|jpe?g|gif|svg|js|css)$", re.I
)
_ID = re.compile(r"\d+|\{[^}]*\}|[0-9a-f]{24}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.I)


@dataclass(frozen=True)
class UpstreamUri:
    """`address` always has a port; `path` is "" or starts with "/"."""

    address: str
    path: str


def has_tls(uri: str) -> bool:
    """Whether it is reached with TLS; the URI need not be a sound one."""
    return uri.lower().startswith("https://")


def read(uri: str) -> UpstreamUri:
    """Split a URI for which `fault` is None."""
    parts = urlsplit(uri)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = parts.port or UPSTREAM_PORTS[parts.scheme]
    return UpstreamUri(f"{parts.scheme}://{host}:{port}", parts.path)


def fault(uri: str) -> str | None:
    """What is wrong with it and what to write, or None."""
    if not uri.strip():
        return 'Write the upstream\'s URL, for example "https://backend.example.com:8443".'
    if len(uri) > MAX_LENGTH:
        return f"The URL is longer than {MAX_LENGTH} characters."
    if "://" not in uri and uri.startswith("/"):
        return f'"{uri}" is a path alone; write scheme and host too, for example "http://backend:8080{uri}".'
    if "://" not in uri:
        return f'"{uri}" has no scheme; write "http://{uri}" or "https://{uri}".'
    try:
        return _fault(uri, urlsplit(uri))
    except ValueError:
        return f'"{uri}" has a host that is not one; write for example "http://backend:8080".'


def _fault(uri: str, parts: SplitResult) -> str | None:
    if parts.scheme not in UPSTREAM_PORTS:
        return f'"{parts.scheme}" in "{uri}" is not supported; write http://, https:// or h2://.'
    try:
        port_of(parts)
    except ValueError as error:
        return f'"{uri}": {error}.'
    if parts.username is not None:
        return f'Take the credentials out of the URL of "{parts.hostname}"; they would not be sent.'
    if not parts.hostname or not is_host(parts.hostname):
        return f'"{uri}" has no host name that can be looked up; write for example "http://backend:8080".'
    return _path_fault(uri, parts.path)


def _path_fault(uri: str, path: str) -> str | None:
    if not PATH.fullmatch(path):
        return f'The path of "{uri}" holds a character that a path may not; write it percent-encoded.'
    if is_ambiguous(path):
        return f'The path of "{uri}" has a segment that servers read in different ways, such as .. or ;x.'
    return None


def hint(uri: str) -> str | None:
    """Why the URL looks like a full resource, or None."""
    if fault(uri):
        return None
    parts = urlsplit(uri)
    last = parts.path.rstrip("/").rpartition("/")[2]
    if parts.query or parts.fragment:
        mark = "?" if parts.query else "#"
        return f'What follows "{mark}" in "{uri}" is not sent. {BASE_PATH_ONLY}'
    if _EXTENSION.search(last):
        return f'"{last}" in "{uri}" looks like a file. {BASE_PATH_ONLY}'
    if _ID.fullmatch(last):
        return f'"{last}" in "{uri}" looks like the id of a resource. {BASE_PATH_ONLY}'
    return None
