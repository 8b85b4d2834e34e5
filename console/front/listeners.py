"""Where the front listens, within which limits it reads, and what it tells the console of its callers."""

from ipaddress import IPv4Network, IPv6Network
from typing import Any

from console.front import certificate, filters, replies, routes
from console.front.settings import Front
from policies.compiled import TYPE_URL

HEADERS_SECONDS = 10
REQUEST_SECONDS = 180
"""For headers and body together: 20 MB at one megabit a second take so long."""
IDLE_SECONDS = 60
STREAM_IDLE_SECONDS = 75
"""Longer than the console may take for an answer: a request that waits for it is not idle."""
HANDSHAKE_SECONDS = 10
MOST_HEADERS = 100
MOST_HEADERS_KB = 32
MOST_STREAMS = 100
"""Requests at once on one HTTP/2 connection."""
ANSWER_BYTES = 24 * 1024 * 1024
"""An answer up to this size leaves the console at once, however slowly its reader takes it."""
ANYBODY = ("0.0.0.0/0", "::/0")
_NOBODY = {"address_prefix": "255.255.255.255", "prefix_len": 32}
_MANAGER = TYPE_URL + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_TLS_INSPECTOR = {
    "name": "envoy.filters.listener.tls_inspector",
    "typed_config": {"@type": TYPE_URL + "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"},
}


def listeners(front: Front) -> list[dict[str, Any]]:
    found = [_public(front)]
    if front.redirect_port:
        chains = [_chain(_redirecting(front))]
        found.append(_listener("redirect", front.host, front.redirect_port, chains))
    if front.local_port:
        chains = [_chain(_serving(front, is_trusted=False))]
        found.append(_listener("local", "127.0.0.1", front.local_port, chains))
    return found


def _public(front: Front) -> dict[str, Any]:
    """With a certificate HTTPS, where plain HTTP is sent to https://; else plain HTTP."""
    trusted = [_chain(_serving(front, is_trusted=True), front.trusted)] if front.trusted else []
    chains = [*trusted, _chain(_serving(front, is_trusted=False))]
    if not front.tls:
        return _listener("console", front.host, front.port, chains)
    for chain in chains:
        chain["filter_chain_match"]["transport_protocol"] = "tls"
        chain["transport_socket"] = certificate.socket(front.folder)
        chain["transport_socket_connect_timeout"] = f"{HANDSHAKE_SECONDS}s"
    made = _listener("console", front.host, front.port, [*chains, _chain(_redirecting(front))])
    return made | {"listener_filters": [_TLS_INSPECTOR], "listener_filters_timeout": f"{HANDSHAKE_SECONDS}s"}


def _listener(name: str, host: str, port: int, chains: list[dict[str, Any]]) -> dict[str, Any]:
    address: dict[str, Any] = {"address": host, "port_value": port}
    if host == "::":
        address["ipv4_compat"] = True
    return {
        "name": name,
        "address": {"socket_address": address},
        # A second front on this port would take half of the connections, were it let in.
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": ANSWER_BYTES,
        "filter_chains": chains,
    }


def _chain(managed: dict[str, Any], callers: tuple[IPv4Network | IPv6Network, ...] = ()) -> dict[str, Any]:
    """For connections from these networks; for those from anywhere else when there are none."""
    ranges = [
        {"address_prefix": str(network.network_address), "prefix_len": network.prefixlen}
        for network in callers
    ]
    return {
        "filter_chain_match": {"source_prefix_ranges": ranges} if ranges else {},
        "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": managed}],
    }


def _serving(front: Front, *, is_trusted: bool) -> dict[str, Any]:
    """A trusted proxy's word on its caller's scheme stands; of anybody else, the connection's own counts.

    X-Forwarded-For gets the address of who connected in either case, behind whatever they wrote there:
    the console reads it from the right.
    """
    return {
        **_manager(front),
        "xff_num_trusted_hops": 1 if is_trusted else 0,
        "http_filters": filters.chain(),
        "route_config": routes.to_console(front),
    }


def _redirecting(front: Front) -> dict[str, Any]:
    return {
        **_manager(front),
        "http_filters": [filters.ROUTER],
        "route_config": routes.to_https(front.public_port or front.port),
    }


def _manager(front: Front) -> dict[str, Any]:
    return {
        "@type": _MANAGER,
        "stat_prefix": "front",
        "codec_type": "AUTO",
        "use_remote_address": True,
        "internal_address_config": {"cidr_ranges": [_NOBODY]},
        "normalize_path": True,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "max_request_headers_kb": MOST_HEADERS_KB,
        "common_http_protocol_options": {
            "idle_timeout": f"{IDLE_SECONDS}s",
            "max_headers_count": MOST_HEADERS,
            # gunicorn takes SCRIPT_NAME from a proxy, and - and _ are one to it.
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "request_headers_timeout": f"{HEADERS_SECONDS}s",
        "request_timeout": f"{REQUEST_SECONDS}s",
        "stream_idle_timeout": f"{STREAM_IDLE_SECONDS}s",
        "delayed_close_timeout": "5s",
        "http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": front.name},
        "http2_protocol_options": {
            "max_concurrent_streams": MOST_STREAMS,
            "initial_stream_window_size": ANSWER_BYTES,
            "initial_connection_window_size": ANSWER_BYTES,
        },
        "generate_request_id": False,
        "server_name": "gatewright",
        "local_reply_config": replies.local(),
    }
