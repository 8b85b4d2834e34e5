"""Whom the front passes requests on to: gunicorn's processes, and those that hold agents' streams."""

from typing import Any

from console.front.settings import Backend, Front
from policies.compiled import TYPE_URL

CONSOLE = "console"
LINK = "link"

CONNECT_SECONDS = 3
IDLE_SECONDS = 60
"""Less than gunicorn keeps an idle connection: the front closes it first, and no request is lost on it."""
MOST_CONNECTIONS = 32
"""To each address. A gunicorn has 16 threads as we start it; the rest makes up for an uneven split."""
MOST_WAITING = 256
"""Requests that wait for a thread; one more is told to come back."""
BUFFER_BYTES = 1024 * 1024


def clusters(front: Front, streams: int) -> list[dict[str, Any]]:
    """`streams` is how many gateways may wait for news at once."""
    connections = MOST_CONNECTIONS * len(front.servers)
    found = [_cluster(CONSOLE, front.servers, connections, connections)]
    if front.links:
        found.append(_cluster(LINK, front.links, streams + MOST_WAITING, streams))
    return found


def _cluster(name: str, servers: tuple[Backend, ...], connections: int, requests: int) -> dict[str, Any]:
    """A request takes a connection, or waits for one; more than so many that have one are refused."""
    room = {
        "max_connections": connections,
        "max_pending_requests": MOST_WAITING,
        "max_requests": requests,
        "max_retries": MOST_WAITING,
    }
    protocol = {
        "@type": TYPE_URL + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"idle_timeout": f"{IDLE_SECONDS}s"},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    return {
        "name": name,
        "type": "STRICT_DNS" if any(server.is_named for server in servers) else "STATIC",
        "lb_policy": "LEAST_REQUEST",
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "circuit_breakers": {"thresholds": [{"priority": kind, **room} for kind in ("DEFAULT", "HIGH")]},
        # Who cannot be connected to is passed over for a while, unless nobody can.
        "outlier_detection": {
            "split_external_local_origin_errors": True,
            "consecutive_local_origin_failure": 2,
            "enforcing_consecutive_5xx": 0,
            "enforcing_consecutive_gateway_failure": 0,
            "enforcing_success_rate": 0,
            "enforcing_local_origin_success_rate": 0,
            "base_ejection_time": "2s",
            "max_ejection_time": "10s",
            "interval": "1s",
            "max_ejection_percent": 100,
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [_endpoint(server) for server in servers]}],
        },
    }


def _endpoint(server: Backend) -> dict[str, Any]:
    address = (
        {"pipe": {"path": server.host}}
        if server.is_socket
        else {"socket_address": {"address": server.host, "port_value": server.port}}
    )
    return {"endpoint": {"address": address}}
