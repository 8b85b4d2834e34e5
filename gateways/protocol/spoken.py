"""Requests as people write them: a method with a path or an address, or a whole `curl`."""

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from gateways.protocol.shell_words import NoWords, words

EMPTY = "\0"
"""In the place of a header's value that is sent and holds nothing."""


class Unclear(ValueError):
    """The text is no request; it says what to write."""


@dataclass
class Spoken:
    """The parts of a request, as far as they were said. `port` is the address's own, None without one."""

    method: str = ""
    target: str = ""
    port: int | None = None
    user: str = ""
    """With the password, as Basic has them."""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    has_data: bool = False
    is_json: bool = False
    is_query: bool = False
    """Whether the data goes into the address."""
    query: list[str] = field(default_factory=list)
    """What is put there beside it."""

    def add(self, name: str, value: str, at: int | None = None) -> None:
        """A header that is sent where none was named."""
        if not any(one.lower() == name.lower() for one, _ in self.headers):
            self.headers.insert(len(self.headers) if at is None else at, (name, value))

    def fields(self) -> dict[str, Any]:
        """As the request's model takes them."""
        return {
            "method": self.method or ("POST" if self.has_data and not self.is_query else "GET"),
            "target": self.target,
            "headers": self.headers,
            "body": self.body,
        }


def line(text: str) -> Spoken:
    """`GET /orders/1`, or with an address in the path's place. Raises Unclear."""
    method, _, where = text.strip().partition(" ")
    if not where:
        method, where = "", method
        if not where.startswith("/") and "://" not in where:
            raise Unclear(f'"{where}" is no request; write a method and a path, such as GET /orders/1')
    spoken = Spoken(method=method)
    _go(spoken, where.strip())
    return spoken


def header(text: str) -> tuple[str, str]:
    """Raises Unclear."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise Unclear(f'"{text}" is no header; write it as "Name: value"')
    return name.strip(), value.strip()


def curl(text: str) -> Spoken:
    """A command as browsers and API tools copy it. Raises Unclear where an option's meaning would be lost."""
    try:
        said = words(text.strip().removeprefix("$ "))
    except NoWords as error:
        raise Unclear(f"the curl command cannot be read: {error}") from None
    if not said or said[0] not in ("curl", "curl.exe"):
        raise Unclear('it does not begin with "curl"')
    spoken = Spoken()
    given = iter(_separated(said[1:]))
    addresses = []
    for word in given:
        if not word.startswith("-"):
            addresses.append(word)
        elif word == "--url":
            addresses.append(_value(word, given))
        else:
            _take(spoken, word, given)
    if len(addresses) != 1:
        raise Unclear(f"the curl command names {len(addresses) or 'no'} addresses; name one")
    if spoken.is_query and spoken.body:
        spoken.query, spoken.body = [spoken.body, *spoken.query], ""
    _go(spoken, _with_query(addresses[0], spoken.query))
    if spoken.is_json:
        spoken.add("Content-Type", "application/json")
        spoken.add("Accept", "application/json")
    if spoken.has_data and not spoken.is_query:
        spoken.add("Content-Type", "application/x-www-form-urlencoded")
    if spoken.user:
        # Beside one that was named, curl leaves its own out; it stands behind the host.
        spoken.add("Authorization", f"Basic {base64.b64encode(spoken.user.encode()).decode()}", at=1)
    # `-H Name:` keeps curl from sending what it would send by itself, `-H 'Name;'` sends it empty.
    kept = [(name, value) for name, value in spoken.headers if value]
    spoken.headers = [(name, "" if value == EMPTY else value) for name, value in kept]
    return spoken


def _with_query(address: str, query: list[str]) -> str:
    address, sharp, fragment = address.partition("#")
    for one in query:
        address += ("&" if "?" in address else "?") + one
    return f"{address}{sharp}{fragment}"


def _take(spoken: Spoken, option: str, given: Iterator[str]) -> None:
    """With its value, where it has one. Raises Unclear."""
    if option in _OPTIONS:
        _OPTIONS[option](spoken, _value(option, given))
    elif option in _IGNORED:
        _value(option, given)
    elif option in ("-G", "--get"):
        spoken.is_query = True
    elif option in ("-I", "--head"):
        spoken.method = "HEAD"
    elif option == "--compressed":
        spoken.add("Accept-Encoding", "deflate, gzip, br")
    elif option not in _WITHOUT_EFFECT:
        message = f"{option[:80]} of curl is not understood; take it out, or give the request in other words"
        raise Unclear(message)


def _go(spoken: Spoken, where: str) -> None:
    if where.startswith("/"):
        spoken.target = where
        return
    try:
        parts = urlsplit(where if "://" in where else f"http://{where}")
        port = parts.port
    except ValueError as error:
        raise Unclear(f'"{where}" is no address: {error}') from None
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise Unclear(f'"{where}" is neither a path, such as /orders/1, nor an http address')
    spoken.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    spoken.port = port
    user, at, host = parts.netloc.rpartition("@")
    spoken.user = spoken.user or (unquote(user if ":" in user else f"{user}:") if at else "")
    if not any(name.lower() == "host" for name, _ in spoken.headers):
        spoken.headers.insert(0, ("Host", host))


def _separated(words: Iterable[str]) -> Iterable[str]:
    """-XPOST is -X POST, --request=POST is --request POST, -sS is -s -S."""
    for word in words:
        if word.startswith("--") and "=" in word:
            yield from word.split("=", 1)
        elif word[:1] == "-" and word[:2] != "--" and len(word) > 2:
            if word[:2] in _OPTIONS or word[:2] in _IGNORED:
                yield from (word[:2], word[2:])
            else:
                yield from (f"-{letter}" for letter in word[1:])
        else:
            yield word


def _value(option: str, given: Any) -> str:
    value = next(given, None)
    if value is None:
        raise Unclear(f"{option} of curl lacks its value")
    return str(value)


def _method(spoken: Spoken, value: str) -> None:
    spoken.method = value


def _header(spoken: Spoken, value: str) -> None:
    if value.startswith("@"):
        raise Unclear(f"{value}: files are not read; give the headers themselves")
    if value.endswith(";") and ":" not in value:
        spoken.headers.append((value[:-1].strip(), EMPTY))
    else:
        spoken.headers.append(header(value))


def _data(spoken: Spoken, value: str) -> None:
    if value.startswith("@"):
        raise Unclear(f"{value}: files are not read; give the body itself")
    _raw(spoken, value)


def _raw(spoken: Spoken, value: str) -> None:
    spoken.body += ("&" if spoken.has_data else "") + value
    spoken.has_data = True


def _encoded(spoken: Spoken, value: str) -> None:
    """As curl takes it: content, =content or name=content."""
    name, equals, content = value.partition("=")
    if not equals:
        name, content = "", value
    if "@" in (name if equals else value):
        raise Unclear(f"{value[:80]}: files are not read; give the text itself")
    _raw(spoken, f"{name}={quote(content, safe='')}" if name else quote(content, safe=""))


def _query(spoken: Spoken, value: str) -> None:
    """As `--data-urlencode`, into the address; + says that it is encoded already."""
    if value.startswith("+"):
        spoken.query.append(value[1:])
        return
    one = Spoken()
    _encoded(one, value)
    spoken.query.append(one.body)


def _json(spoken: Spoken, value: str) -> None:
    """Several are one text."""
    spoken.is_json = True
    before, spoken.body, spoken.has_data = spoken.body, "", False
    _data(spoken, value)
    spoken.body = before + spoken.body


def _user(spoken: Spoken, value: str) -> None:
    spoken.user = value if ":" in value else f"{value}:"


def _bearer(spoken: Spoken, value: str) -> None:
    spoken.add("Authorization", f"Bearer {value}")


def _cookie(spoken: Spoken, value: str) -> None:
    if "=" not in value:
        raise Unclear(f"{value}: files are not read; give the cookies themselves, as name=value")
    before = [one for name, one in spoken.headers if name == "Cookie"]
    spoken.headers = [one for one in spoken.headers if one[0] != "Cookie"]
    spoken.headers.append(("Cookie", "; ".join([*before, value])))


def _named(name: str) -> Callable[[Spoken, str], None]:
    return lambda spoken, value: spoken.headers.append((name, value))


_OPTIONS: dict[str, Callable[[Spoken, str], None]] = {
    "-X": _method,
    "--request": _method,
    "-H": _header,
    "--header": _header,
    "-d": _data,
    "--data": _data,
    "--data-ascii": _data,
    "--data-binary": _data,
    "--data-raw": _raw,
    "--data-urlencode": _encoded,
    "--json": _json,
    "--url-query": _query,
    "--oauth2-bearer": _bearer,
    "-u": _user,
    "--user": _user,
    "-A": _named("User-Agent"),
    "--user-agent": _named("User-Agent"),
    "-b": _cookie,
    "--cookie": _cookie,
    "-e": _named("Referer"),
    "--referer": _named("Referer"),
}
_IGNORED = frozenset(
    words(
        "-o --output -m --max-time --connect-timeout -w --write-out --retry --retry-delay --retry-max-time "
        "-c --cookie-jar -D --dump-header --max-redirs --resolve --connect-to --cacert --capath --limit-rate "
        "--stderr --trace --trace-ascii --ciphers --tls-max -C --interface"
    )
)
"""They have a value, and say what curl does with the answer, how long it waits, where it finds the gateway
and whom it trusts there.
"""
_WITHOUT_EFFECT = frozenset(
    words(
        "-i -k -s -S -v -f -L -g '-#' -N -O -J -4 -6 -j --http1.0 --http1.1 --http2 --http2-prior-knowledge "
        "--http3 --include --insecure --silent --show-error --verbose --fail --fail-with-body --location "
        "--globoff --no-progress-meter --progress-bar --no-buffer --remote-name --ipv4 --ipv6 --path-as-is "
        "--tlsv1.2 --tlsv1.3 --no-sessionid --no-keepalive --retry-all-errors --retry-connrefused "
        "--ssl-no-revoke --junk-session-cookies --trace-time --create-dirs --tcp-nodelay --basic"
    )
)
"""They say what curl shows and trusts, which no rehearsal asks."""
