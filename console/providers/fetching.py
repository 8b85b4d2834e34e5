"""Asks an identity provider: within seconds and sizes, following no redirect."""

import json
import ssl
import time
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import certifi
import httpx
from django.conf import settings

SECONDS = 5.0
MOST_BYTES = 512 * 1024


class Unfetched(Exception):
    """Why there is no answer, in words for a page."""


def fault_of(address: str) -> str:
    """Why this is no address to ask, in words; empty for one that is.

    Plain HTTP is for a provider on the same machine as a console that is on loopback itself: a console that
    others use asks nothing inside its own network for people who merely administer an organization.
    """
    parts = urlsplit(address)
    try:
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "This is no address: its port is none."
    if not host or parts.username is not None or parts.fragment:
        return "Write an address such as https://login.example.com, without a name, a password or a #."
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host) and _is_local_console()):
        return ""
    return "Write an address that begins with https://."


def get_json(address: str, bearer: str = "") -> dict[str, Any]:
    headers = {"accept": "application/json"} | ({"authorization": f"Bearer {bearer}"} if bearer else {})
    return _object(_ask("GET", address, headers=headers))


def post_form(
    address: str, form: dict[str, str], basic: tuple[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """The status, and what stands in the body, which a refusal has too."""
    status, body = _ask("POST", address, data=form, auth=basic, headers={"accept": "application/json"})
    return status, _parsed(body)


def _object(answer: tuple[int, bytes]) -> dict[str, Any]:
    status, body = answer
    if status != 200:
        raise Unfetched(f"it answers {status}")
    return _parsed(body)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Unfetched("what it answers is no JSON") from None
    if not isinstance(found, dict):
        raise Unfetched("what it answers is no JSON object")
    return found


def _ask(method: str, address: str, **more: Any) -> tuple[int, bytes]:
    """Raises Unfetched. The whole exchange has SECONDS, however slowly its pieces come."""
    if fault := fault_of(address):
        raise Unfetched(f"it names an address that is not asked, {address[:200]}: {fault}")
    ends, pieces, size = time.monotonic() + SECONDS, [], 0
    uses_proxies = not _is_loopback(urlsplit(address).hostname or "")
    try:
        with (
            httpx.Client(verify=_trusted(), trust_env=uses_proxies, timeout=SECONDS) as client,
            client.stream(method, address, **more) as answer,
        ):
            for piece in answer.iter_bytes(16 * 1024):
                pieces.append(piece)
                if (size := size + len(piece)) > MOST_BYTES:
                    raise Unfetched(f"what it answers is longer than {MOST_BYTES} bytes")
                if time.monotonic() > ends:
                    raise Unfetched(f"there was no whole answer within {SECONDS:g} s")
            return answer.status_code, b"".join(pieces)
    except httpx.TimeoutException:
        raise Unfetched(f"there was no answer within {SECONDS:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise Unfetched(str(error)[:200] or type(error).__name__) from None


@cache
def _trusted() -> ssl.SSLContext:
    """The machine's CAs, or those of SSL_CERT_FILE, and the well-known ones."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_local_console() -> bool:
    return _is_loopback(urlsplit(settings.CONSOLE_URL).hostname or "")
