"""The cluster of a server that a policy asks, from its URL."""

import hashlib
import ipaddress
import json
import socket
from dataclasses import dataclass
from typing import Any

from policies.compiled import TYPE_URL, Cluster, Scope
from policies.fields import urls

_TLS = TYPE_URL + "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(frozen=True)
class Patience:
    """How long a server may take nothing of what it is sent; how long a request may last, answer included."""

    stall_ms: int
    most_seconds: int


def cluster(
    scope: Scope,
    url: str,
    *,
    connect_ms: int = 5000,
    http2: bool = False,
    agrees: bool = False,
    patience: Patience | None = None,
) -> Cluster:
    """With https its certificate must be signed by a CA that the gateway trusts, and name its host.

    Where it `agrees`, the server chooses with https between HTTP/2 and HTTP/1.1.
    """
    at = urls.split(url)
    host, port = at.hostname or "", urls.port(at)
    address = {"socket_address": {"address": host, "port_value": port}}
    version = "http2_protocol_options" if http2 else "http_protocol_options"
    options: dict[str, Any] = {"explicit_http_config": {version: {}}}
    if agrees and at.scheme == "https":
        options = {"auto_config": {}}
    if patience:
        options["common_http_protocol_options"] = {"max_stream_duration": f"{patience.most_seconds}s"}
    config: dict[str, Any] = {
        "alt_stat_name": f"{host}:{port}",
        "type": "STATIC" if _is_ip(host) else "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": f"{connect_ms / 1000:g}s",
        "typed_extension_protocol_options": {_HTTP: {"@type": TYPE_URL + _HTTP, **options}},
        "load_assignment": {
            "cluster_name": f"{host}:{port}",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    if at.scheme == "https":
        config["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": _tls(host, scope.trusted_ca),
        }
    if patience:
        config["upstream_bind_config"] = {"socket_options": [_ends_stalled(patience.stall_ms)]}
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:8]
    return Cluster(f"policy.{host}.{port}-{digest}", config)


def _ends_stalled(milliseconds: int) -> dict[str, Any]:
    """The kernel then closes a connection whose other end has taken nothing for so long."""
    option = {"level": socket.IPPROTO_TCP, "name": socket.TCP_USER_TIMEOUT, "int_value": milliseconds}
    return {**option, "state": "STATE_PREBIND"}


def _tls(host: str, trusted_ca: str) -> dict[str, Any]:
    kind = "IP_ADDRESS" if _is_ip(host) else "DNS"
    validation = {
        "trusted_ca": {"filename": trusted_ca},
        "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": host}}],
    }
    name = {} if _is_ip(host) else {"sni": host}
    return {"@type": _TLS, **name, "common_tls_context": {"validation_context": validation}}


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
