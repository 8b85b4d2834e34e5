"""Asks the server about a request, and remembers what it says; the gateway's authorizer runs it."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from policies.answers.answer import CheckedCredential, HttpAnswer, Network, Unanswered
from policies.catalog.native_ext_authz import checks
from policies.catalog.native_ext_authz.config import MOST_BYTES
from policies.fields.headers import CONNECTION

NO_SECONDS = 10
"""How long a request that is refused is not asked about again."""
FAR = 86_400
ALLOWED, FIRST_ERROR = 200, 500
REMOVED = "x-envoy-auth-headers-to-remove"
OURS = CONNECTION | {"content-type", "date", "server", "x-request-id"}
"""Of a refusing answer, what is said anew to the caller."""
ALWAYS_TOLD = ("location", "www-authenticate")
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?(\d{1,9})")


async def ask(asked: Mapping[str, Any], credential: bytes, network: Network) -> CheckedCredential:
    """`credential` is what question_of of remembering.lua made of a request. Raises Unanswered."""
    method, path, host, *lines = credential.split(b"\n")
    told = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    if asked["speaks"] == "grpc":
        return await _checked(asked["url"], [method, path, host], told, network)
    headers = [*([(b"host", host)] if host else []), *told]
    headers += [(key.encode(), value.encode()) for key, value in asked["added"]]
    target = asked["prefix"].encode() + path
    heard = await network.send(method.decode(), asked["url"], target, headers, MOST_BYTES)
    if heard.status >= FIRST_ERROR or heard.status not in checks.STATUSES:
        raise Unanswered(f"server: it answers {heard.status}")
    seconds = _held(heard.headers.get("cache-control", ""))
    if heard.status == ALLOWED:
        return CheckedCredential(_allowed(asked, heard), seconds, is_yes=True)
    return CheckedCredential(_refused(asked, heard), min(seconds, NO_SECONDS))


async def _checked(
    url: str, line: list[bytes], told: list[tuple[bytes, bytes]], network: Network
) -> CheckedCredential:
    """The same over gRPC, whose answer says nothing of how long it holds. Raises Unanswered."""
    method, path, host = (_readable(one) for one in line)
    plain = [(name.decode(), _readable(value)) for name, value in told]
    headers = [(name, value) for name, value in plain if not name.startswith(":")]
    caller = {name[1:]: value for name, value in plain if name.startswith(":")}
    asked = checks.question(method, path, host, headers, caller)
    is_allowed, said = checks.answer(await network.call(url, checks.METHOD, asked, MOST_BYTES))
    if is_allowed:
        return CheckedCredential(said, FAR, is_yes=True)
    return CheckedCredential(_refusal(said["status"], said["text"], said["fields"]), NO_SECONDS)


def _readable(value: bytes) -> str:
    """As gRPC's texts must be: what is no UTF-8 is replaced, as Envoy does it."""
    return value.decode(errors="replace")


def _allowed(asked: Mapping[str, Any], heard: HttpAnswer) -> dict[str, Any]:
    """Raises Unanswered."""
    removed = list(_listed(heard.headers.get(REMOVED, "")))
    checks.check((), removed)
    return {
        "is_allowed": True,
        "removed": removed,
        "replaced": _named(heard, asked["replaced"]),
        "appended": _named(heard, asked["appended"]),
        "shown": _named(heard, asked["shown"]),
    }


def _refused(asked: Mapping[str, Any], heard: HttpAnswer) -> dict[str, Any]:
    names = {*asked["client"], *ALWAYS_TOLD} if asked["client"] else {name for name, _ in heard.fields}
    told = [(name, value) for name, value in heard.fields if name in names]
    return _refusal(heard.status, heard.content.decode(errors="replace"), told)


def _refusal(status: int, text: str, told: Iterable[tuple[str, str]]) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, value in told:
        if name not in OURS and not name.startswith(":"):
            headers.setdefault(name, []).append(value)
    # As it stands within the quotation marks of the gateway's answer.
    return {
        "is_allowed": False,
        "status": str(status),
        "error": json.dumps(text, ensure_ascii=False)[1:-1],
        "headers": headers,
    }


def _named(heard: HttpAnswer, names: Collection[str]) -> list[list[str]]:
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
