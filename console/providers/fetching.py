"""Asks an identity provider: within seconds and sizes, following no redirect, where providers may be.

Who administers an organization enters its provider, and what that says of itself names further addresses.
So the name is looked up once, each of its addresses must be permitted, and the connection goes to one of
those. A proxy of the environment, which the operator chose, looks names up itself: it is asked for those that
cannot be looked up here, and for those whose addresses are permitted.
"""

import asyncio
import json
import socket
import ssl
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import httpx
from django.conf import settings

from console import guarded
from console.room import NoRoom, Room
from console.unreachable import reason

SECONDS = 5.0
MOST_BYTES = 512 * 1024
MOST_ADDRESSES = 3
MOST_ASKED, MOST_OF_HOST = 6, 4
"""At once, by one process of the console: each holds one of its threads, of which it has eight."""
ROOM = Room(MOST_ASKED, each=MOST_OF_HOST)
"""By host: one that is slow must leave others' logins threads to run on."""


class Unfetched(Exception):
    """Why there is no answer, in words for a page."""


class Crowded(Unfetched):
    """Nobody was asked, since too many wait already."""


def fault_of(address: str) -> str:
    """Why this is no address to ask, in words; empty for one that is.

    Plain HTTP is for a provider on the same machine as a console that is on loopback itself: a console that
    others use asks nothing inside its own network for people who merely administer an organization.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "This is no address: its host or its port is none."
    if port is not None and parts.netloc.rpartition(":")[2].startswith("0"):
        return "This is no address: its port is 0, or begins with it."
    if not host or parts.username is not None or parts.fragment:
        return "Write an address such as https://login.example.com, without a name, a password or a #."
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host) and _is_local_console()):
        return ""
    return "Write an address that begins with https://."


def get_json(address: str, bearer: str = "", *, trusted_ca: str = "") -> dict[str, Any]:
    """PEM certificates of `trusted_ca` vouch in the place of those CAs that the console trusts."""
    headers = {"accept": "application/json"} | ({"authorization": f"Bearer {bearer}"} if bearer else {})
    return _object(_ask("GET", address, headers=headers, trusted_ca=trusted_ca))


def post_form(
    address: str, form: dict[str, str], basic: tuple[str, str] | None = None, *, trusted_ca: str = ""
) -> tuple[int, dict[str, Any]]:
    """The status, and what stands in the body, which a refusal has too."""
    headers = {"accept": "application/json"}
    status, body = _ask("POST", address, data=form, auth=basic, headers=headers, trusted_ca=trusted_ca)
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
    try:
        # Half of a surrogate pair, which no page, database or log could take.
        json.dumps(found, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        raise Unfetched("what it answers holds a text that is none") from None
    return found


def _ask(method: str, address: str, **more: Any) -> tuple[int, bytes]:
    """Raises Unfetched. The whole exchange has SECONDS, however slowly its pieces come."""
    if fault := fault_of(address):
        raise Unfetched(f"it names an address that is not asked, {address[:200]}: {fault}")
    try:
        url = httpx.URL(address)
        with ROOM.place(url.host):
            return asyncio.run(_within_time(method, url, _places(url), **more))
    except NoRoom:
        raise Crowded("too many wait for an answer; try again in some seconds") from None
    except (TimeoutError, httpx.TimeoutException):
        raise Unfetched(f"there was no answer within {SECONDS:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        raise Unfetched(reason(error)[:200]) from None


def _places(url: httpx.URL) -> tuple[list[httpx.URL], str | None]:
    """Where to connect to, and by which proxy."""
    proxy = _proxy(url)
    addresses = _addresses(url, is_by_proxy=proxy is not None)
    found = [url] if proxy else [url.copy_with(host=one) for one in addresses[:MOST_ADDRESSES]]
    return found, proxy


async def _within_time(
    method: str, url: httpx.URL, places: tuple[list[httpx.URL], str | None], **more: Any
) -> tuple[int, bytes]:
    """A wait for each piece, of headers too, would begin anew with each."""
    async with asyncio.timeout(SECONDS):
        return await _exchanged(method, url, *places, **more)


async def _exchanged(
    method: str,
    url: httpx.URL,
    places: list[httpx.URL],
    proxy: str | None,
    *,
    headers: dict[str, str],
    auth: Any = None,
    data: Any = None,
    trusted_ca: str = "",
) -> tuple[int, bytes]:
    sent = {**headers, "Host": url.netloc.decode()}
    fault: Exception = Unfetched(f"{url.host} has no address")
    verify = ssl.create_default_context(cadata=trusted_ca) if trusted_ca else trusted()
    async with httpx.AsyncClient(verify=verify, trust_env=False, proxy=proxy, timeout=SECONDS) as client:
        for place in places:
            name = {"sni_hostname": url.host}
            request = client.build_request(method, place, headers=sent, data=data, extensions=name)
            try:
                answer = await client.send(request, auth=auth, stream=True)
            except httpx.ConnectError as error:
                fault = error
                continue
            return answer.status_code, await _body(answer)
    raise fault


async def _body(answer: httpx.Response) -> bytes:
    pieces, size = [], 0
    try:
        async for piece in answer.aiter_bytes(16 * 1024):
            pieces.append(piece)
            if (size := size + len(piece)) > MOST_BYTES:
                raise Unfetched(f"what it answers is longer than {MOST_BYTES} bytes")
    finally:
        await answer.aclose()
    return b"".join(pieces)


def _addresses(url: httpx.URL, *, is_by_proxy: bool) -> list[str]:
    """Of the host. Raises Unfetched where one of them is none that may be asked."""
    try:
        found = socket.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)
    except socket.gaierror:
        if is_by_proxy:
            return []
        raise
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    is_own = _is_loopback(url.host) and _is_local_console()
    networks = settings.PROVIDER_NETWORKS
    if not is_own and not all(guarded.is_permitted(one, networks) for one in addresses):
        raise Unfetched(guarded.refusal(url.host, guarded.PROVIDERS))
    return addresses


def _proxy(url: httpx.URL) -> str | None:
    if _is_loopback(url.host) or proxy_bypass(url.host):
        return None
    found = getproxies()
    proxy = found.get(url.scheme) or found.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


@cache
def trusted() -> ssl.SSLContext:
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
