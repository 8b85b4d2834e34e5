"""Reading settings from the environment."""

import os
import re
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from redis.connection import parse_url

YEAR_SECONDS = 365 * 24 * 3600
MAIL_FORM = "write it like smtp://user:password@mail.example.com:587?from=gateway@example.com"
DATABASE_FORM = "write it like postgres://user:password@db.example.com:5432/name"
REDIS_FORM = "write it like redis://:password@redis.example.com:6379/0"
MOST_DAYS = 36_500
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
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


def home(default: Path) -> Path:
    """Where the state is, absolute: addresses and files of other programs say it, which are UTF-8."""
    folder = Path(os.environ.get("GATEWRIGHT_HOME") or default).expanduser().resolve()
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise ImproperlyConfigured(
            f"GATEWRIGHT_HOME: {os.fsencode(folder)!r} is not UTF-8: set it to a folder whose path is."
        ) from None
    return folder


def number(name: str, default: int, most: int = 10**9) -> int:
    """A whole number greater than 0, and no greater than `most`."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not text.strip("0"):
        raise ImproperlyConfigured(f'{name}: "{text[:80]}" is not a whole number greater than 0.')
    if len(text) > 19 or int(text) > most:
        raise ImproperlyConfigured(f"{name}: {text[:20]} is more than {most}, the most that it may be.")
    return int(text)


def days(name: str, default: int) -> int:
    return number(name, default, MOST_DAYS)


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


def urls(name: str) -> tuple[str, ...]:
    """Addresses of HTTP, as they are written, divided by spaces or commas."""
    found = words(name)
    for text in found:
        if fault := _url_fault(text, may_have_path=True):
            raise ImproperlyConfigured(f"{name} {fault}; write them like https://ca.example.com/directory.")
    return found


def log_level(name: str) -> str:
    level = os.environ.get(name, "").strip().upper() or "INFO"
    if level not in LOG_LEVELS:
        raise ImproperlyConfigured(f'{name}: "{level}" is none of {", ".join(LOG_LEVELS)}.')
    return level


def database(name: str, default: str) -> dict[str, Any]:
    """A PostgreSQL, as Django's settings have it. A refusal quotes nothing of it: it may hold a password."""
    try:
        found: dict[str, Any] = dict(dj_database_url.parse(os.environ.get(name) or default))
    except ValueError:
        found = {}
    is_named = found.get("NAME") or "service" in found.get("OPTIONS", {})
    if found.get("ENGINE") != "django.db.backends.postgresql" or not is_named:
        raise ImproperlyConfigured(f"{name} is no address of a PostgreSQL database; {DATABASE_FORM}.")
    return found


def redis_url(name: str, default: str) -> str:
    """Of a Valkey or Redis. A refusal quotes nothing of it: it may hold a password."""
    text = os.environ.get(name) or default
    try:
        found = parse_url(text)
        is_sound = "path" in found or (found.get("host") and re.fullmatch("(/[0-9]*)?", urlsplit(text).path))
    except ValueError:
        is_sound = False
    if not is_sound:
        raise ImproperlyConfigured(f"{name} is no address of a Valkey or Redis; {REDIS_FORM}.")
    return text


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
