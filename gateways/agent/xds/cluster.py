"""Upstreams as Envoy's clusters."""

import hashlib
import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateways.agent.host.trusted_cas import system_ca
from gateways.agent.settings import Proxying
from gateways.agent.translate import ir
from gateways.agent.xds import failover as failover_path
from gateways.agent.xds import hosts, retries
from gateways.agent.xds.saying import over
from gateways.protocol.upstream_faults import failover
from policies.compiled import TYPE_URL
from policies.envoy.breakers import Thresholds, circuit_breakers

CONNECT_SECONDS = 5

_TLS = TYPE_URL + "envoy.extensions.transport_sockets.tls.v3."


@dataclass(frozen=True)
class Outbound:
    """What outbound policies make of an upstream's cluster.

    `filters` act on what is sent to it; each costs a tenth of what Envoy can do, so most have none.
    """

    filters: Sequence[Mapping[str, Any]] = ()
    said: Mapping[str, Any] = field(default_factory=dict)


def cluster_name(upstream: ir.Upstream, outbound: Outbound) -> str:
    """Named after its service and its content: a changed upstream is a new cluster beside the old one.

    So the routes of an API that keeps its last good version keep their upstreams too.
    """
    own = json.dumps(outbound.filters, sort_keys=True) if outbound.filters else ""
    own += json.dumps(told, sort_keys=True) if (told := upstream.settings.told) else ""
    own += json.dumps(outbound.said, sort_keys=True) if outbound.said else ""
    content = hashlib.sha256(f"{upstream!r}{own}".encode()).hexdigest()[:8]
    return f"{upstream.service}{_of_namespace(upstream.namespace)}{content}"


def service_of(cluster: str, namespace: str) -> str:
    """Of an API's upstream in the namespace; "" for what is no such cluster."""
    name, found, _ = cluster.rpartition(_of_namespace(namespace))
    return name if found else ""


def _of_namespace(namespace: str) -> str:
    return f".{namespace}.svc-"


def cluster(
    upstream: ir.Upstream,
    proxying: Proxying,
    idle_seconds: float,
    outbound: Outbound,
    thresholds: Thresholds | None = None,
) -> dict[str, Any]:
    name = cluster_name(upstream, outbound)
    address = {"socket_address": {"address": upstream.host, "port_value": upstream.port}}
    endpoint: dict[str, Any] = {"address": address}
    if "health_checks" in outbound.said:
        # Else Envoy asks with the cluster's name as the host.
        endpoint["health_check_config"] = {"hostname": upstream.authority}
    made: dict[str, Any] = {
        "name": name,
        "alt_stat_name": _shown(upstream),
        "type": "STATIC" if is_ip(upstream.host) else "STRICT_DNS",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": f"{CONNECT_SECONDS}s",
        "per_connection_buffer_limit_bytes": proxying.buffer_limit_bytes,
        "circuit_breakers": circuit_breakers(
            **{**(thresholds.model_dump() if thresholds else {}), **hosts.bounds(upstream.settings)}
        ),
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _protocol(
                upstream, idle_seconds, [*failover_path.filters(upstream), *outbound.filters]
            )
        },
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}],
        },
    }
    if upstream.tls is not None:
        made["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": _outbound_tls(upstream.host, _speaking(upstream, upstream.tls)),
        }
        if spare := failover(upstream.port, upstream.settings):
            own = {
                **made["transport_socket"],
                "typed_config": _outbound_tls(spare.host, _speaking(upstream, upstream.tls)),
            }
            made["transport_socket_matches"] = [
                {"name": "failover", "match": hosts.TAKES_OVER, "transport_socket": own}
            ]
    own = hosts.said(upstream, is_asked="health_checks" in outbound.said)
    return over(over(made, own), outbound.said)


def _shown(upstream: ir.Upstream) -> str:
    """What the access log calls it: Envoy's statistics of clusters are not kept."""
    host = f"[{upstream.host}]" if ":" in upstream.host else upstream.host
    return f"{host}:{upstream.port}"


def tls_parameters(tls: ir.InboundTls | ir.OutboundTls) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "tls_minimum_protocol_version": f"TLSv{tls.min_version.replace('.', '_')}",
        "tls_maximum_protocol_version": f"TLSv{tls.max_version.replace('.', '_')}",
    }
    if tls.ciphers:
        parameters["cipher_suites"] = list(tls.ciphers)
    return parameters


def certificates(tls: ir.InboundTls | ir.OutboundTls) -> dict[str, Any]:
    if not tls.certificate:
        return {}
    pair = {
        "certificate_chain": {"inline_string": tls.certificate},
        "private_key": {"inline_string": tls.key},
    }
    return {"tls_certificates": [pair]}


def is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _protocol(
    upstream: ir.Upstream, idle_seconds: float, filters: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    http1: dict[str, Any] = {"http_protocol_options": {}}
    http2: dict[str, Any] = {"http2_protocol_options": {}}
    version: dict[str, Any] = {"explicit_http_config": http2 if upstream.is_http2 else http1}
    if upstream.tls and "h2" in upstream.tls.alpn and not upstream.is_http2:
        version = {"auto_config": {**http1, **http2}}
    return {
        "@type": TYPE_URL + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {
            "idle_timeout": f"{idle_seconds:g}s",
            **hosts.connections(upstream.settings),
        },
        **_upstream_filters(filters),
        **version,
    }


def _upstream_filters(filters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Nothing where it has none of its own: then those of the router act."""
    *too_late, codec = retries.upstream_filters()
    return {"http_filters": [*too_late, *filters, codec]} if filters else {}


def _speaking(upstream: ir.Upstream, tls: ir.OutboundTls) -> ir.OutboundTls:
    """One that speaks HTTP/2 alone has to say so: many servers take HTTP/1 for what nobody names."""
    return replace(tls, alpn=("h2",)) if upstream.is_http2 else tls


def _outbound_tls(host: str, tls: ir.OutboundTls) -> dict[str, Any]:
    trusted = {"inline_string": tls.trusted_ca} if tls.trusted_ca else {"filename": system_ca()}
    validation: dict[str, Any] = {
        "trusted_ca": trusted,
        "match_typed_subject_alt_names": [
            {"san_type": "IP_ADDRESS" if is_ip(host) else "DNS", "matcher": {"exact": host}}
        ],
    }
    if tls.skips_validation:
        validation = {"trust_chain_verification": "ACCEPT_UNTRUSTED"}
    return {
        "@type": _TLS + "UpstreamTlsContext",
        **({} if is_ip(host) else {"sni": host}),
        "common_tls_context": {
            "tls_params": tls_parameters(tls),
            "validation_context": validation,
            **({"alpn_protocols": list(tls.alpn)} if tls.alpn else {}),
            **certificates(tls),
        },
    }
