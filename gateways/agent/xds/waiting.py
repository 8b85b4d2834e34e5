"""Filters that may hold a request: for a server's word, for its body, for a time.

Envoy's composite goes on behind itself when a filter of its chain has held a request: what stood behind that
filter in the chain never sees the request. So such a filter is the last of its chain.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from policies.compiled import TYPE_URL, Filter, Script
from policies.scripting.script import GUARD

_HTTP = TYPE_URL + "envoy.extensions.filters.http."
NEVER = frozenset(
    _HTTP + name
    for name in (
        "adaptive_concurrency.v3.AdaptiveConcurrency",
        "basic_auth.v3.BasicAuth",
        "compressor.v3.Compressor",
        "header_mutation.v3.HeaderMutation",
        "jwt_authn.v3.JwtAuthentication",
        "rbac.v3.RBAC",
        "set_metadata.v3.Config",
    )
)
"""Of Envoy's, those that decide at once; whatever is not named here may hold a request.

Of jwt_authn that is so because no key set is Envoy's to fetch.
"""
_LUA = _HTTP + "lua.v3.Lua"
_CALLS = (":body(", ":bodyChunks(", ":httpCall(", ":trailers(")


def may_wait(one: Filter | Script) -> bool:
    if isinstance(one, Script):
        return _calls(one.frame)
    kind = one.typed_config["@type"]
    if kind == _LUA:
        return _calls(str(one.typed_config["default_source_code"]["inline_string"]))
    return kind not in NEVER


def ended_by_waiting(filters: Iterable[Filter | Script]) -> Iterator[tuple[Filter | Script, ...]]:
    """The same in pieces, of which each has one that may wait at its end or none."""
    piece: list[Filter | Script] = []
    for one in filters:
        piece.append(one)
        if may_wait(one):
            yield tuple(piece)
            piece = []
    if piece:
        yield tuple(piece)


@lru_cache(1024)
def _calls(source: str) -> bool:
    """The guard before every script reads a body too, where it turns an answer into a refusal."""
    own = source.replace(GUARD, "")
    return any(call in own for call in _CALLS)
