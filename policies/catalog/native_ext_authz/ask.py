"""Asks the server about a request, and remembers what it says; the gateway's authorizer runs it."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from policies.answers.answer import Answer, Heard, Network, Unanswered

MOST_BYTES = 65_536
NO_SECONDS = 10
"""How long a request that is refused is not asked about again."""
FAR = 86_400
ALLOWED, FIRST_ERROR = 200, 500
REMOVED = "x-envoy-auth-headers-to-remove"
KEPT = frozenset(("host", ":authority", ":method", ":path", ":scheme"))
OURS = frozenset(
    ("connection", "content-length", "content-type", "date", "keep-alive", "server", "transfer-encoding")
)
"""Of a refusing answer, what is said anew to the caller."""
ALWAYS_TOLD = ("location", "www-authenticate")
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?(\d{1,9})")


async def ask(asked: Mapping[str, Any], credential: bytes, network: Network) -> Answer:
    """`credential` is what question_of of remembering.lua made of a request. Raises Unanswered."""
    method, path, host, *lines = credential.split(b"\n")
    headers = [(b"host", host)] if host else []
    for line in lines:
        name, _, value = line.partition(b": ")
        headers.append((name, value))
    headers += [(key.encode(), value.encode()) for key, value in asked["added"]]
    target = asked["prefix"].encode() + path
    heard = await network.send(method.decode(), asked["url"], target, headers, MOST_BYTES)
    if heard.status >= FIRST_ERROR:
        raise Unanswered(f"server: it answers {heard.status}")
    seconds = _held(heard.headers.get("cache-control", ""))
    if heard.status == ALLOWED:
        return Answer(_allowed(asked, heard), seconds, is_yes=True)
    return Answer(_refused(asked, heard), min(seconds, NO_SECONDS))


def _allowed(asked: Mapping[str, Any], heard: Heard) -> dict[str, Any]:
    return {
        "is_allowed": True,
        "removed": [one for one in _listed(heard.headers.get(REMOVED, "")) if one not in KEPT],
        "replaced": _named(heard, asked["replaced"]),
        "appended": _named(heard, asked["appended"]),
        "shown": _named(heard, asked["shown"]),
    }


def _refused(asked: Mapping[str, Any], heard: Heard) -> dict[str, Any]:
    names = {*asked["client"], *ALWAYS_TOLD} if asked["client"] else {name for name, _ in heard.fields}
    headers: dict[str, list[str]] = {}
    for name, value in _named(heard, names - OURS):
        headers.setdefault(name, []).append(value)
    text = heard.content.decode(errors="replace")
    # As it stands within the quotation marks of the gateway's answer.
    return {
        "is_allowed": False,
        "status": str(heard.status),
        "error": json.dumps(text, ensure_ascii=False)[1:-1],
        "headers": headers,
    }


def _named(heard: Heard, names: Collection[str]) -> list[list[str]]:
    return [[name, value] for name, value in heard.fields if name in names]


def _listed(text: str) -> Iterable[str]:
    return (name for part in text.split(",") if (name := part.strip().lower()))


def _held(control: str) -> float:
    """For how many seconds the server lets its answer be remembered."""
    text = control.lower()
    if "no-store" in text or "no-cache" in text:
        return 0
    found = _MAX_AGE.search(text)
    return int(found[1]) if found else FAR
