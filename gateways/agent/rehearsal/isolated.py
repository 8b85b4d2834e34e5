"""The gateway's own configuration, with nothing of the network left in it.

Listeners become sockets in the rehearsal's folder, where a caller's address is what the PROXY protocol says.
Every cluster, whoever brought it, leads to the one socket of the player. What is in between is as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateways.agent.xds import access_log, callers
from gateways.agent.xds.compiled_api import CompiledApi
from gateways.agent.xds.compiler import Compiler
from gateways.agent.xds.retries import upstream_filters
from policies.answers.question import AUTHORIZER
from policies.compiled import TYPE_URL

UPSTREAMS = "upstreams.sock"
CLUSTER_HEADER = "x-gatewright-rehearsed-cluster"
"""The header that tells the player which upstream it plays; verdicts do not show it."""
FACTS = {
    "at": "%START_TIME(%s.%6f)%",
    "route": "%ROUTE_NAME%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "told": "%DYNAMIC_METADATA(gatewright)%",
    "held": "%FILTER_STATE(gatewright.held:PLAIN)%",
    "passed": f"%FILTER_STATE({access_log.PASSED}:PLAIN)%",
    "target": "%FILTER_STATE(gatewright.target:PLAIN)%",
    "agent": "%REQ(USER-AGENT)%",
    "caller": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
}
"""What Envoy writes of each request, as a line of JSON."""

_LOG = {
    "name": "envoy.access_loggers.file",
    "typed_config": {
        "@type": TYPE_URL + "envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "path": "/dev/stdout",
        "log_format": {"json_format": FACTS},
    },
}


_TARGET = access_log.noting("gatewright.target", {"gatewright.target": "%REQ(:PATH)%"})


class Leak(AssertionError):
    """The configuration would reach something beside the rehearsal's own sockets."""


def isolated(compiler: Compiler, apis: Sequence[CompiledApi]) -> dict[str, Any]:
    """A bootstrap configuration. Raises Leak, which nothing that compiles should bring about."""
    config = compiler.static(apis)
    resources = config["static_resources"]
    resources["listeners"] = [_listener(one) for one in resources["listeners"]]
    resources["clusters"] = [_cluster(one) for one in resources["clusters"]]
    if (found := next(_addresses(config), None)) is not None:
        raise Leak(f"{found} is left in the configuration")
    return config


def entrance(port: int) -> str:
    """The socket in the rehearsal's folder that stands for the port."""
    return f"port-{port}.sock"


def _listener(given: dict[str, Any]) -> dict[str, Any]:
    port = given["address"]["socket_address"]["port_value"]
    for chain in given["filter_chains"]:
        manager = chain["filters"][0]["typed_config"]
        manager["access_log"] = [_LOG]
        # Before any policy, and before the route writes another path.
        manager["http_filters"] = [_TARGET, *manager["http_filters"]]
    made = {**given, "address": {"pipe": {"path": entrance(port), "mode": 0o600}}}
    return {**made, "listener_filters": [callers.proxy_protocol()]}


def _cluster(given: Mapping[str, Any]) -> dict[str, Any]:
    """One of its name. Upstreams of HTTP/2 are played in HTTP/1, and TLS is not spoken.

    The authorizer is the rehearsal's own, and what it asks is played.
    """
    if given["name"] == AUTHORIZER:
        return dict(given)
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    kept = ("name", "alt_stat_name", "per_connection_buffer_limit_bytes", "circuit_breakers")
    whose = {"append": {"header": {"key": CLUSTER_HEADER, "value": given["name"]}}}
    whose["append"]["append_action"] = "OVERWRITE_IF_EXISTS_OR_ADD"  # type: ignore[assignment]
    mutation = {
        "@type": TYPE_URL + "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
        "mutations": {"request_mutations": [whose]},
    }
    own = given.get("typed_extension_protocol_options", {}).get(options, {}).get("http_filters")
    filters = [{"name": "whose", "typed_config": mutation}, *(own or upstream_filters())]
    protocol = {"explicit_http_config": {"http_protocol_options": {}}, "http_filters": filters}
    place = {"pipe": {"path": UPSTREAMS}}
    return {
        **{name: given[name] for name in kept if name in given},
        "type": "STATIC",
        "connect_timeout": "5s",
        "typed_extension_protocol_options": {options: {"@type": TYPE_URL + options, **protocol}},
        "load_assignment": {
            "cluster_name": given["name"],
            "endpoints": [{"lb_endpoints": [_first(given, place)]}],
        },
    }


def _first(cluster: Mapping[str, Any], place: Mapping[str, Any]) -> dict[str, Any]:
    """The place as its first host: with the name that routes take for the Host header, where they do, and
    with what filters are told of it.
    """
    first = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]
    called = {"hostname": first["endpoint"]["hostname"]} if "hostname" in first["endpoint"] else {}
    told = {"metadata": first["metadata"]} if "metadata" in first else {}
    return {"endpoint": {"address": place, **called}, **told}


def _addresses(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name in ("socket_address", "google_grpc", "target_uri"):
            if name in value:
                yield value[name]
        for one in value.values():
            yield from _addresses(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _addresses(one)
