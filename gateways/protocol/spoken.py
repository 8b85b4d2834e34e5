"""Requests as people write them: a method with a path or an address, or a whole `curl`."""

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from gateways.protocol.shell_words import NoWords, words


class Unclear(ValueError):
    """The text is no request; it says what to write."""


@dataclass
class Spoken:
    """The parts of a request, as far as they were said. `port` is the address's own, None without one."""

    method: str = ""
    target: str = ""
    port: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    is_query: bool = False
    """Whether the data goes into the address."""

    def fields(self) -> dict[str, Any]:
        """As the request's model takes them."""
        return {
            "method": self.method or ("POST" if self.body else "GET"),
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
        said = words(text)
    except NoWords as error:
        raise Unclear(f"the curl command cannot be read: {error}") from None
    if not said or said[0] != "curl":
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
        mark = "&" if "?" in addresses[0] else "?"
        addresses, spoken.body = [f"{addresses[0]}{mark}{spoken.body}"], ""
    _go(spoken, addresses[0])
    if spoken.body and not any(name.lower() == "content-type" for name, _ in spoken.headers):
        spoken.headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    return spoken


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
        spoken.headers.append(("Accept-Encoding", "deflate, gzip, br"))
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
    if not any(name.lower() == "host" for name, _ in spoken.headers):
        spoken.headers.insert(0, ("Host", parts.netloc.rpartition("@")[2]))


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
    spoken.headers.append(header(value))


def _data(spoken: Spoken, value: str) -> None:
    if value.startswith("@"):
        raise Unclear(f"{value}: files are not read; give the body itself")
    _raw(spoken, value)


def _raw(spoken: Spoken, value: str) -> None:
    spoken.body += ("&" if spoken.body else "") + value


def _encoded(spoken: Spoken, value: str) -> None:
    """As curl takes it: content, =content or name=content."""
    name, equals, content = value.partition("=")
    if not equals:
        name, content = "", value
    if "@" in (name if equals else value):
        raise Unclear(f"{value[:80]}: files are not read; give the text itself")
    _raw(spoken, f"{name}={quote(content, safe='')}" if name else quote(content, safe=""))


def _json(spoken: Spoken, value: str) -> None:
    spoken.headers += [("Content-Type", "application/json"), ("Accept", "application/json")]
    _data(spoken, value)


def _user(spoken: Spoken, value: str) -> None:
    spoken.headers.append(("Authorization", f"Basic {base64.b64encode(value.encode()).decode()}"))


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
    "-u": _user,
    "--user": _user,
    "-A": _named("User-Agent"),
    "--user-agent": _named("User-Agent"),
    "-b": _named("Cookie"),
    "--cookie": _named("Cookie"),
    "-e": _named("Referer"),
    "--referer": _named("Referer"),
}
_IGNORED = frozenset(
    ("-o", "--output", "-m", "--max-time", "--connect-timeout", "-w", "--write-out", "--retry")
)
"""They have a value, and say what curl does with the answer and how long it waits."""
_WITHOUT_EFFECT = frozenset(
    ("-i", "-k", "-s", "-S", "-v", "-f", "-L", "-g", "-#", "--http1.1", "--http2", "--include", "--insecure")
) | {"--silent", "--show-error", "--verbose", "--fail", "--location", "--globoff", "--no-progress-meter"}
"""They say what curl shows and trusts, which no rehearsal asks."""
