"""The path that another upstream gets when it takes over: its own in the place of the first's.

Envoy writes the path when it chooses a route, before it is known which host takes the request, and all tries
of a request share its headers. So filters of the cluster write the path of each try, once its host is known:
one notes in a header whether the host takes over, which its endpoint tells, and a script puts the one path in
front in the place of the other, or takes it back where a later try goes to the first again.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateways.agent.translate import ir
from gateways.agent.xds.rewriting import Replacement, Rewriting
from policies.compiled import TYPE_URL

_NAMESPACE, _KEY = "gatewright.failover", "takes-over"
_MARK = "x-gatewright-takes-over"
_FILTER = "gatewright.failover"
_SOURCE = Path(__file__).with_name("failover.lua").read_text()
_HTTP = TYPE_URL + "envoy.extensions.filters.http."


def marks(upstream: ir.Upstream, *, takes_over: bool) -> dict[str, Any]:
    """Filter metadata of an endpoint: of all where the path depends on it, so that no caller has the word."""
    if upstream.settings.failover.path is None:
        return {}
    return {_NAMESPACE: {_KEY: "yes" if takes_over else "no"}}


def filters(upstream: ir.Upstream) -> list[dict[str, Any]]:
    """HTTP filters of the upstream's cluster; none where the path is the same."""
    path = upstream.settings.failover.path
    if path is None:
        return []
    told = {"key": _MARK, "value": f"%UPSTREAM_METADATA({_NAMESPACE}:{_KEY})%"}
    noted = {"append": {"header": told, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
    mutation = {
        "@type": _HTTP + "header_mutation.v3.HeaderMutation",
        "mutations": {"request_mutations": [noted]},
    }
    source = f'local PUT, MARK = "{path.rstrip("/")}", "{_MARK}"\n{_SOURCE}'
    lua = {"@type": _HTTP + "lua.v3.Lua", "default_source_code": {"inline_string": source}}
    return [{"name": f"{_FILTER}.host", "typed_config": mutation}, {"name": _FILTER, "typed_config": lua}]


def of_route(target: ir.WeightedTarget) -> dict[str, Any]:
    """A slot of the route to this upstream: what stands in front of the paths that it makes."""
    if target.upstream.settings.failover.path is None:
        return {}
    context = {"removed": target.destination_path.rstrip("/")}
    return {_FILTER: {"@type": _HTTP + "lua.v3.LuaPerRoute", "filter_context": context}}


def joinings(path: Rewriting, target: ir.WeightedTarget) -> Iterator[Replacement]:
    """How the paths come about that are to be judged, for the upstream and for the one that takes over."""
    for destination in (target.destination_path, target.upstream.settings.failover.path):
        if destination is not None and (found := path.joining(destination)):
            yield found
