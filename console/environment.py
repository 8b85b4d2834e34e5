"""Reading settings from the environment."""

import os
import re
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

YEAR_SECONDS = 365 * 24 * 3600
MAIL_FORM = "write it like smtp://user:password@mail.example.com:587?from=gateway@example.com"
MAIL_PORTS = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True)
class Mail:
    """A mail server. `security` is starttls, tls or none."""

    host: str
    port: int
    security: str
    username: str
    password: str = field(repr=False)
    sender: str


def number(name: str, default: int) -> int:
    """A whole number greater than 0."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ImproperlyConfigured(f'{name}: "{text}" is not a whole number greater than 0.')
    return int(text)


def port(name: str, default: int) -> int:
    value = number(name, default)
    if value > 65535:
        raise ImproperlyConfigured(f"{name}: {value} is not a port; choose one from 1 to 65535.")
    return value


def url(name: str, default: str = "", *, may_have_path: bool = False) -> str:
    """An address of HTTP, without a slash at its end. A refusal quotes none that holds a password."""
    text = os.environ.get(name, "").strip().rstrip("/") or default
    if text and (fault := _url_fault(text, may_have_path)):
        raise ImproperlyConfigured(f"{name} {fault}; write https://gateway.example.com, or with a port.")
    return text


def _url_fault(text: str, may_have_path: bool) -> str:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address"
    if parts.username is not None:
        return "holds a username, which an address has none of"
    if parts.scheme not in ("http", "https") or not host or "://" not in text:
        return f'is "{text}", which is no address that begins with http:// or https://'
    if parts.query or parts.fragment or re.search(r"\s", text) or (parts.path and not may_have_path):
        return f'is "{text}", which holds more than scheme, host and port'
    return ""


def networks(name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """IP networks and addresses, separated by commas; none by default."""
    entries = (entry.strip() for entry in os.environ.get(name, "").split(","))
    return tuple(_network(name, entry) for entry in entries if entry)


def words(name: str) -> tuple[str, ...]:
    """Divided by spaces or commas."""
    return tuple(os.environ.get(name, "").replace(",", " ").split())


def mail(name: str) -> Mail | None:
    """smtp://user:password@host:587?from=gateway@example.com, with STARTTLS; smtps:// speaks TLS from the
    first byte, and smtp:// with security=none none. A refusal quotes nothing of it: it holds a password.
    """
    text = os.environ.get(name, "").strip()
    if not text:
        return None
    try:
        url = urlsplit(text)
        asked = {key: values[-1] for key, values in parse_qs(url.query, strict_parsing=True).items()}
        port = url.port
    except ValueError:
        raise ImproperlyConfigured(f"{name}: {MAIL_FORM}") from None
    security = "tls" if url.scheme == "smtps" else asked.pop("security", "starttls")
    sender = asked.pop("from", "")
    is_sound = url.scheme in ("smtp", "smtps") and url.hostname and "@" in sender and not asked
    if not is_sound or security not in MAIL_PORTS or url.path not in ("", "/") or port == 0:
        raise ImproperlyConfigured(f"{name}: {MAIL_FORM}")
    username, password = unquote(url.username or ""), unquote(url.password or "")
    return Mail(url.hostname or "", port or MAIL_PORTS[security], security, username, password, sender)


def hsts_seconds(console_url: str) -> int:
    """For how long browsers are told to use HTTPS alone for the console's host.

    That holds for every port of the host, those of APIs without TLS too. So by default it is said only by
    a console that has the standard port of a host of its own.
    """
    given = os.environ.get("GATEWRIGHT_HSTS_SECONDS", "").strip()
    if given:
        return 0 if given == "0" else number("GATEWRIGHT_HSTS_SECONDS", 0)
    url = urlsplit(console_url)
    is_own_host = url.scheme == "https" and url.port in (None, 443) and url.hostname != "localhost"
    return YEAR_SECONDS if is_own_host else 0


def _network(name: str, text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ImproperlyConfigured(f'{name}: "{text}" {_remedy(text)}') from None


def _remedy(text: str) -> str:
    try:
        return f"is not a network; write {ip_network(text, strict=False)}."
    except ValueError:
        return "is not an IP address or network; write them like 10.0.0.0/8, separated by commas."
