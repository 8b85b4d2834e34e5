"""Asks a provider about a token, as RFC 7662 says, and judges what it answers."""

import time
from collections.abc import Mapping
from typing import Any

import orjson

from policies.answers.answer import MOST_TEXT, CheckedCredential, Network, ScriptValue, Unanswered, encoded

MOST_BYTES = 256 * 1024
NO_SECONDS = 10
"""How long a token that is refused is not asked about again."""
ROOM = MOST_TEXT - 512
FAR = 253402300799
REFUSED = (400, 401, 403)
KINDS = ("token_use", "token_type", "typ")
"""Where providers say what kind of token it is: the hint that we send binds nobody."""
OTHER_KINDS = frozenset(("refresh_token", "refresh", "offline", "id_token", "id"))
"""They are active too, at ORY Hydra and Keycloak, and no leave to call."""


async def introspect(
    url: str,
    token: bytes,
    form: Mapping[str, str],
    headers: Mapping[str, str],
    network: Network,
    *,
    trusted_ca: str = "",
) -> CheckedCredential:
    """Raises Unanswered. An answer holds until its `exp`: whoever asks knows for how long."""
    sent = {"token": token.decode("latin-1"), "token_type_hint": "access_token", **form}
    heard = await network.post(url, sent, headers, MOST_BYTES, trusted_ca=trusted_ca)
    if heard.status in REFUSED:
        raise Unanswered(f"client: the provider refuses the gateway's own credentials ({heard.status})")
    if heard.status != 200:
        raise Unanswered(f"server: it answers {heard.status}")
    try:
        fields = orjson.loads(heard.content)
    except (orjson.JSONDecodeError, RecursionError):
        raise Unanswered("server: its answer is no JSON") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("active"), bool):
        raise Unanswered('server: its answer does not say whether the token is "active"')
    return judged(fields, time.time())


def judged(fields: Mapping[str, Any], now: float) -> CheckedCredential:
    """What the answer is worth at this time."""
    if why := _unfit(fields):
        return _no(why)
    exp, nbf = fields.get("exp"), fields.get("nbf")
    if exp is not None and exp <= now:
        return _no(f"exp: {_at(exp)} is past by {now - exp:.0f} s")
    if nbf is not None and nbf > now:
        return _no(f"nbf: {_at(nbf)} is {nbf - now:.0f} s ahead", min(NO_SECONDS, nbf - now))
    scopes = fields.get("scope", "")
    found = scopes.split() if isinstance(scopes, str) else scopes if isinstance(scopes, list) else []
    told: dict[str, ScriptValue] = {
        "active": True,
        "scopes": {one: True for one in found if isinstance(one, str)},
    }
    told["fields"] = _fitting(fields, ROOM - len(encoded(told)))
    return CheckedCredential(told, seconds=FAR if exp is None else exp - now, is_yes=True)


def _no(why: str, seconds: float = NO_SECONDS) -> CheckedCredential:
    return CheckedCredential({"active": False, "why": why}, seconds)


def _unfit(fields: Mapping[str, Any]) -> str:
    """Why it is no access token at any time; "" for one."""
    if not fields["active"]:
        return "active: the provider says that it is not"
    for name in KINDS:
        if isinstance(kind := fields.get(name), str) and kind.lower() in OTHER_KINDS:
            return f"{name}: it is {kind}, no access token"
    times = (
        name for name in ("exp", "nbf") if not _is_time(fields.get(name, 0)) and fields[name] is not None
    )
    return next((f"{name}: it is no time" for name in times), "")


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= FAR


def _at(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _fitting(fields: Mapping[str, Any], room: int) -> dict[str, Any]:
    """As many of them as memory has room for, the shortest first."""
    sizes = {name: len(encoded({name: value})) for name, value in fields.items()}
    kept: dict[str, Any] = {}
    for name in sorted(sizes, key=lambda one: sizes[one]):
        if (room := room - sizes[name]) < 0:
            break
        kept[name] = fields[name]
    return kept
