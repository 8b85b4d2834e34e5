"""Asks the directory about a username and password; the gateway's authorizer runs it."""

import asyncio
import base64
import binascii
import math
import re
import socket
import ssl
import time
import unicodedata
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

from ldap3 import LEVEL, NO_ATTRIBUTES, NONE, SUBTREE, SYNC, Connection, Server, Tls
from ldap3.core.exceptions import LDAPExceptionError
from ldap3.utils.conv import escape_filter_chars

from policies.answers.answer import CheckedCredential, Network, Unanswered
from policies.catalog.ldap_authentication.policy import PLACE

PORTS = {"ldap": 389, "ldaps": 636}
NO_SECONDS, YES_SECONDS = 5, 3600
MOST_NAME, MOST_BYTES = 256, 1024 * 1024
OK, SIZE_LIMIT, NO_SUCH_OBJECT = 0, 4, 32
MOST_SOUGHT = 10
_SOUGHT = re.compile(r"\(\s*([A-Za-z][\w.-]*)(?:;[\w-]+)*\s*[~<>]?=[^()]*\{0\}")
"""The attributes of a filter in which the username is looked for."""
REFUSED = frozenset((19, 32, 34, 48, 49, 50, 53))
"""Results of a bind that say no to this account: wrong, locked, expired, not there."""
UNREADABLE = (LookupError, ValueError, TypeError, AttributeError, RecursionError)
"""What ldap3 raises of messages that are none."""
_THREADS = ThreadPoolExecutor(64, "ldap")


async def ask(asked: Mapping[str, Any], credential: bytes, network: Network) -> CheckedCredential:
    """Raises Unanswered."""
    try:
        bare = credential.rstrip(b"=")
        text = base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
        username, colon, password = text.decode().partition(":")
    except (binascii.Error, ValueError):
        return _no("credentials: they cannot be read")
    if not colon or not username or len(username) > MOST_NAME or not username.isprintable():
        return _no("credentials: the username cannot be one")
    # To bind without a password is to bind as nobody, which directories allow.
    if not password or "\0" in password:
        return _no("credentials: there is no password")
    if network.is_played:
        return await _played(asked, username, network)
    talk = _Talk(asked, network.trusted_ca)
    try:
        return await asyncio.get_running_loop().run_in_executor(_THREADS, talk.judge, username, password)
    finally:
        # Whoever waited may have gone: then the thread is to end, too.
        talk.hang_up()


class _Talk:
    """One connection to the directory, for one thread; another one may hang up."""

    def __init__(self, asked: Mapping[str, Any], trusted_ca: str) -> None:
        self._asked = asked
        self._trusted_ca = trusted_ca
        self._until = time.monotonic() + asked["seconds"]
        self._connection: Connection | None = None
        self._is_over = False

    def judge(self, username: str, password: str) -> CheckedCredential:
        """Raises Unanswered."""
        try:
            return self._judge(username, password)
        except (LDAPExceptionError, OSError) as error:
            raise Unanswered(f"directory: it cannot be asked ({type(error).__name__})") from None
        except UNREADABLE:
            raise Unanswered("directory: what it answers cannot be read") from None

    def hang_up(self) -> None:
        self._is_over = True
        with suppress(OSError, AttributeError):
            assert self._connection is not None
            self._connection.socket.shutdown(socket.SHUT_RDWR)

    def _judge(self, username: str, password: str) -> CheckedCredential:
        connection = self._opened()
        try:
            connection.bind()
            if code := _code(connection, "bindResponse"):
                raise Unanswered(f"account: the directory refuses the gateway's own account ({code})")
            entries = self._entries(connection, username)
            if len(entries) != 1:
                return _no(f"username: {len(entries) or 'none'} of the directory's entries fits")
            dn, name = entries[0]["dn"], _name(entries[0], username)
            connection.rebind(user=dn, password=password)
            code = _code(connection, "bindResponse")
            if code in REFUSED:
                return _no(f"password: the directory does not accept it ({code})")
            if code != OK:
                raise Unanswered(f"directory: it answers {code} to a bind")
            return CheckedCredential({"is_known": True, "username": name, "dn": dn}, YES_SECONDS, is_yes=True)
        finally:
            with suppress(LDAPExceptionError, OSError):
                connection.unbind()

    def _opened(self) -> Connection:
        at = urlsplit(self._asked["url"])
        seconds = self._left()
        server = Server(
            at.hostname,
            at.port or PORTS[at.scheme],
            use_ssl=at.scheme == "ldaps",
            tls=_Tls(self._trusted_ca),
            get_info=NONE,
            connect_timeout=seconds,
            allowed_referral_hosts=[],
        )
        self._connection = connection = Connection(
            server,
            user=self._asked["dn"],
            password=self._asked["password"],
            client_strategy=SYNC,
            auto_referrals=False,
            receive_timeout=math.ceil(seconds),
            read_only=True,
        )
        connection.open(read_server_info=False)
        connection.socket = _Bounded(connection.socket, self._left)
        return connection

    def _entries(self, connection: Connection, username: str) -> list[dict[str, Any]]:
        """Those that fit, with what the filter asks of them. Raises Unanswered."""
        sought = list(dict.fromkeys(_SOUGHT.findall(self._asked["filter"])))[:MOST_SOUGHT]
        connection.search(
            self._asked["base"],
            self._asked["filter"].replace(PLACE, escape_filter_chars(username)),
            SUBTREE if self._asked["subtree"] else LEVEL,
            attributes=sought or [NO_ATTRIBUTES],
            size_limit=2,
        )
        code = _code(connection, "searchResDone")
        if code not in (OK, SIZE_LIMIT, NO_SUCH_OBJECT):
            raise Unanswered(f"directory: it answers {code} to a search")
        found = connection.response or ()
        # An entry without a name is the directory's root, as which anybody may bind.
        return [one for one in found if one["type"] == "searchResEntry" and one["dn"]]

    def _left(self) -> float:
        left: float = self._until - time.monotonic()
        if self._is_over or left <= 0:
            raise Unanswered("time: there is none left")
        return left


def _code(connection: Connection, kind: str) -> int:
    """What came of it. ldap3 takes any answer for a good one whose code is 0. Raises Unanswered."""
    result = connection.result
    if result["type"] != kind:
        raise Unanswered("directory: it answers something else than it was asked")
    code: int = result["result"]
    return code


class _Tls(Tls):  # type: ignore[misc]
    """Names are compared by OpenSSL, which knows addresses, too."""

    def __init__(self, trusted_ca: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = ssl.create_default_context()
        self._context.load_verify_locations(trusted_ca)

    def wrap_socket(self, connection: Connection, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(
            connection.socket, do_handshake_on_connect=do_handshake, server_hostname=connection.server.host
        )


class _Bounded:
    """A socket from which no more than so much is read, and no longer than there is time."""

    def __init__(self, inner: Any, seconds: Callable[[], float]) -> None:
        self._inner = inner
        self._seconds = seconds
        self._left = MOST_BYTES

    def recv(self, size: int) -> bytes:
        self._inner.settimeout(self._seconds())
        read: bytes = self._inner.recv(size)
        self._left -= len(read)
        if self._left < 0:
            raise OSError("what the directory answers is too long")
        return read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _name(entry: Mapping[str, Any], username: str) -> str:
    """The username as the directory has it, to which ADA is ada: nobody is several callers.

    As it was sent, where the account may not read it, or the filter adds something to it.
    """
    values = (value for held in entry.get("raw_attributes", {}).values() for value in held)
    texts = (value.decode(errors="replace") for value in values)
    return next((text for text in texts if _plain(text) == _plain(username)), username)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _no(why: str) -> CheckedCredential:
    return CheckedCredential({"is_known": False, "why": why}, NO_SECONDS)


async def _played(asked: Mapping[str, Any], username: str, network: Network) -> CheckedCredential:
    """In a rehearsal 200 at the path /USERNAME says that the two are known, 401 and 404 that they are not."""
    at = urlsplit(asked["url"])
    host = f"[{at.hostname}]" if ":" in (at.hostname or "") else at.hostname
    url = f"http://{host}:{at.port or PORTS[at.scheme]}/{quote(username, safe='')}"
    heard = await network.get(url, MOST_BYTES)
    if heard.status == 200:
        return CheckedCredential(
            {"is_known": True, "username": username, "dn": username}, YES_SECONDS, is_yes=True
        )
    if heard.status in (401, 404):
        return _no("password: the directory does not accept it (played)")
    raise Unanswered(f"directory: it answers {heard.status} (played)")
