"""The question and the answer of envoy.service.auth.v3.Authorization, and what of it scripts are told.

As Envoy's own filter makes and understands them, but that nothing is told to the server which differs between
requests that ask the same: no time, no id, no port of the caller.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policies.answers.answer import Unanswered
from policies.catalog.native_ext_authz import wire
from policies.fields.headers import is_own

METHOD = "/envoy.service.auth.v3.Authorization/Check"
FORBIDDEN = 403
ALLOWS = 0
KEPT = frozenset(("host", ":authority", ":method", ":path", ":scheme"))
"""What an answer cannot take off a request."""
ACTIONS = ("add", "add_if_absent", "set", "overwrite")
_ADD, _ADD_IF_ABSENT, _SET, _OVERWRITE = ACTIONS
_NAME = re.compile(r":?[!#$%&'*+.^_`|~0-9a-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
STATUSES = frozenset(range(200, 600)) - {204, 205, 304}
"""With which a request may be refused: others announce an answer, or one without a body."""


def question(
    method: str, path: str, host: str, headers: Iterable[tuple[str, str]], caller: Mapping[str, str]
) -> bytes:
    """A CheckRequest. Values of one header are joined, as Envoy does it; `caller` has `scheme`, `source`,
    and where it is known `principal` and `certificate`.
    """
    joined: dict[str, str] = {}
    for name, value in headers:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    http = wire.message(
        wire.text(2, method),
        wire.mapping(3, joined.items()),
        wire.text(4, path),
        wire.text(5, host),
        wire.text(6, caller["scheme"]),
    )
    address = wire.text(1, wire.text(2, caller["source"].strip("[]")))
    source = wire.message(
        wire.text(1, address),
        wire.text(4, caller.get("principal", "")),
        wire.text(5, caller.get("certificate", "")),
    )
    return wire.text(1, wire.text(1, source) + wire.text(4, wire.text(2, http)))


def answer(plain: bytes) -> tuple[bool, dict[str, Any]]:
    """Whether a CheckResponse allows, and what the policy's script is told. Raises Unanswered."""
    try:
        response = wire.fields(plain)
        status = wire.within(response, 1)
        # An empty message is one: whoever says nothing of a status says that all is well.
        is_allowed = wire.number(status, 1) == ALLOWS
        told = _allowed(wire.within(response, 3)) if is_allowed else _refused(wire.within(response, 2))
    except (wire.Malformed, UnicodeDecodeError):
        raise Unanswered("server: its answer cannot be read") from None
    return is_allowed, told


def check(written: Iterable[str], removed: Iterable[str]) -> None:
    """Raises Unanswered where a header is among them that no server may write, or take off."""
    removed = list(removed)
    if not all(map(is_own, (*written, *removed))) or not KEPT.isdisjoint(removed):
        raise Unanswered(
            "server: it writes or takes off a header that says where a message ends or goes,"
            " or an order to the gateway"
        )


def _allowed(of: wire.Fields) -> dict[str, Any]:
    """Of an OkHttpResponse."""
    if wire.contents(of, 7) or wire.contents(of, 8):
        raise Unanswered("server: it changes the query, which an answer that is remembered cannot")
    options, shown = (list(_options(wire.contents(of, field))) for field in (2, 6))
    removed = [_named(one) for one in wire.contents(of, 5)]
    check((name for name, *_ in (*options, *shown)), removed)
    if any(name.startswith(":") for name, *_ in options):
        raise Unanswered("server: it changes path or method, which an answer that is remembered cannot")
    return {
        "is_allowed": True,
        "removed": removed,
        "replaced": [[name, value] for name, value, is_appended, _ in options if not is_appended],
        "appended": [[name, value] for name, value, is_appended, _ in options if is_appended],
        "shown": [[name, value, action] for name, value, _, action in shown],
    }


def _refused(of: wire.Fields) -> dict[str, Any]:
    """Of a DeniedHttpResponse."""
    status = wire.number(wire.within(of, 1), 1) or FORBIDDEN
    if status not in STATUSES:
        raise Unanswered("server: it refuses with no status of HTTP")
    told = _options(wire.contents(of, 2))
    return {
        "status": status,
        "fields": [(name, value) for name, value, is_appended, _ in told if not is_appended],
        "text": wire.content(of, 3).decode(errors="replace"),
    }


def _options(given: Iterable[bytes]) -> Iterator[tuple[str, str, bool, str]]:
    """Of HeaderValueOptions: name, value, whether a request's own value stays, what an answer's own does."""
    for one in map(wire.fields, given):
        header = wire.within(one, 1)
        value = wire.content(header, 2).decode()
        if _CONTROL.search(value):
            raise Unanswered("server: a header of its answer cannot be written")
        if 2 in one:
            is_appended = bool(wire.number(wire.within(one, 2), 1))
            action = _ADD if is_appended else _SET
        else:
            is_appended, kind = False, wire.number(one, 3)
            if kind >= len(ACTIONS):
                raise Unanswered("server: what it says of a header is not known")
            action = (_ADD, _ADD_IF_ABSENT, _SET, _OVERWRITE)[kind]
        yield _named(wire.content(header, 1)), value, is_appended, action


def _named(name: bytes) -> str:
    found = name.decode().lower()
    if not _NAME.fullmatch(found):
        raise Unanswered("server: a header of its answer has no name")
    return found
