"""Among which hosts of an upstream requests are shared out, how, and how it is known which are well."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gateways.agent.translate import ir
from gateways.agent.xds.failover import marks
from gateways.protocol.upstream_faults import Where, failover, places
from gateways.protocol.upstream_hosts import (
    STICKY_COOKIE,
    HealthCheck,
    LoadBalancing,
    OutlierDetection,
    is_ip,
)
from gateways.protocol.upstream_settings import UpstreamSettings

_BALANCERS = {
    "roundRobin": "ROUND_ROBIN",
    "leastRequest": "LEAST_REQUEST",
    "random": "RANDOM",
    "consistentHash": "RING_HASH",
    "sticky": "RING_HASH",
}
_ONE_IS_ENOUGH = 100_000
"""Percent by which Envoy overrates the hosts that are well: as long as there is one, no backup is asked."""
TAKES_OVER = {"failover": True}
"""By which a host of the other upstream is known, to be trusted by its own name."""
_PANIC_PERCENT = 1
"""Of hosts that are well. With fewer, so with none, Envoy sends requests to all of them."""
_LONGEST_EJECTION_SECONDS = 300


def said(upstream: ir.Upstream, *, is_asked: bool) -> dict[str, Any]:
    """Entries of its cluster, in the place of those that one without settings has.

    `is_asked` says that a policy has its hosts asked.
    """
    settings = upstream.settings
    if settings.is_usual:
        return {}
    found = places(upstream.host, upstream.port, settings)
    if spare := failover(upstream.port, settings):
        found = [*found, spare]
    made: dict[str, Any] = {
        "type": "STATIC" if all(is_ip(one.host) for one in found) else "STRICT_DNS",
        "load_assignment": _assignment(
            found, upstream, is_asked=is_asked or settings.health_check.kind == "http"
        ),
        **_balancer(settings.load_balancing),
        **_checks(upstream),
        **_outliers(settings.outlier_detection),
        **_dns(settings),
    }
    if settings.is_checked:
        percent = 0 if settings.load_balancing.refuse_while_unhealthy else _PANIC_PERCENT
        made["common_lb_config"] = {"healthy_panic_threshold": {"value": percent}}
    if (connect := settings.timeouts.connect_in_milliseconds) is not None:
        made["connect_timeout"] = _seconds(connect)
    return made


def bounds(settings: UpstreamSettings) -> dict[str, int]:
    """Those of Envoy's circuit breakers that the upstream sets; of others the gateway has the word."""
    given = settings.limits.model_dump(exclude={"max_requests_per_connection"})
    return {name: value for name, value in given.items() if value is not None}


def connections(settings: UpstreamSettings) -> dict[str, Any]:
    """Entries of Envoy's HttpProtocolOptions."""
    idle, most = settings.timeouts.idle_in_milliseconds, settings.limits.max_requests_per_connection
    return {
        **({"idle_timeout": _seconds(idle)} if idle is not None else {}),
        **({"max_requests_per_connection": most} if most is not None else {}),
    }


def hash_policy(balancing: LoadBalancing) -> list[dict[str, Any]]:
    """Entries of a route's action: what of a request is looked at to find its host."""
    if balancing.algorithm == "sticky":
        name, seconds = balancing.name or STICKY_COOKIE, balancing.lifetime_in_seconds
        return [{"cookie": {"name": name, "ttl": f"{seconds}s", "path": "/", "attributes": [_LAX]}}]
    if balancing.algorithm != "consistentHash":
        return []
    if balancing.hash_on == "header":
        return [{"header": {"header_name": balancing.name}}]
    if balancing.hash_on == "cookie":
        return [{"cookie": {"name": balancing.name}}]
    return [{"connection_properties": {"source_ip": True}}]


_LAX = {"name": "SameSite", "value": "Lax"}


def _assignment(found: Sequence[Where], upstream: ir.Upstream, *, is_asked: bool) -> dict[str, Any]:
    """Backups are of the second priority, who takes over of the last. Hosts of no weight are left out."""
    localities: list[dict[str, Any]] = []
    for rank in ((False, False), (True, False), (False, True)):
        here = [one for one in found if one.weight and (one.backup, one.takes_over) == rank]
        if here:
            endpoints = [_endpoint(one, upstream, is_asked) for one in here]
            localities.append({"priority": len(localities), "lb_endpoints": endpoints})
    policy = {"overprovisioning_factor": _ONE_IS_ENOUGH} if len(localities) > 1 else {}
    return {"endpoints": localities, **({"policy": policy} if policy else {})}


def _endpoint(one: Where, upstream: ir.Upstream, is_asked: bool) -> dict[str, Any]:
    """Of one who takes over, and of those for whom it does, routes take the Host header (`hostname`)."""
    address = {"socket_address": {"address": one.host, "port_value": one.port}}
    called = (
        replace(upstream, host=one.host, port=one.port).authority if one.takes_over else upstream.authority
    )
    checked = {"health_check_config": {"hostname": called}} if is_asked else {}
    named = {"hostname": called} if upstream.settings.failover.address else {}
    marked = {
        **({"envoy.transport_socket_match": TAKES_OVER} if one.takes_over else {}),
        **marks(upstream, takes_over=one.takes_over),
    }
    return {
        "endpoint": {"address": address, **named, **checked},
        "load_balancing_weight": one.weight,
        **({"metadata": {"filter_metadata": marked}} if marked else {}),
    }


def _balancer(balancing: LoadBalancing) -> dict[str, Any]:
    made: dict[str, Any] = {"lb_policy": _BALANCERS[balancing.algorithm]}
    if seconds := balancing.slow_start_in_seconds:
        field = (
            "least_request_lb_config" if balancing.algorithm == "leastRequest" else "round_robin_lb_config"
        )
        made[field] = {"slow_start_config": {"slow_start_window": f"{seconds}s"}}
    return made


def _checks(upstream: ir.Upstream) -> dict[str, Any]:
    check: HealthCheck = upstream.settings.health_check
    if check.kind == "none":
        return {}
    interval = f"{check.interval_in_seconds}s"
    made: dict[str, Any] = {
        "timeout": f"{check.timeout_in_seconds}s",
        "interval": interval,
        # Else Envoy asks an upstream that nobody has called yet once a minute.
        "no_traffic_interval": interval,
        "unhealthy_threshold": check.unhealthy_after,
        "healthy_threshold": check.healthy_after,
    }
    if check.kind == "tcp":
        return {"health_checks": [{**made, "tcp_health_check": {}}]}
    asked: dict[str, Any] = {
        "path": check.path,
        "expected_statuses": [{"start": low, "end": end} for low, end in check.ranges],
    }
    if upstream.is_http2:
        asked["codec_client_type"] = "HTTP2"
    return {"health_checks": [{**made, "http_health_check": asked}]}


def _outliers(ejecting: OutlierDetection) -> dict[str, Any]:
    """By errors one after the other alone: not by how hosts compare with each other."""
    if ejecting.consecutive_errors is None:
        return {}
    first = ejecting.ejection_in_seconds
    return {
        "outlier_detection": {
            "consecutive_5xx": ejecting.consecutive_errors,
            "interval": f"{ejecting.interval_in_seconds}s",
            "base_ejection_time": f"{first}s",
            "max_ejection_time": f"{max(first, _LONGEST_EJECTION_SECONDS)}s",
            "max_ejection_percent": ejecting.most_ejected_percent,
            "enforcing_success_rate": 0,
            "enforcing_consecutive_gateway_failure": 0,
        }
    }


def _dns(settings: UpstreamSettings) -> dict[str, Any]:
    refresh = settings.dns.refresh_in_seconds
    return {
        **({"dns_refresh_rate": f"{refresh}s"} if refresh else {}),
        **({"respect_dns_ttl": True} if settings.dns.respect_ttl else {}),
    }


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}s"
