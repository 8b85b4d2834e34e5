"""How well the hosts of upstreams are, where Envoy asks them or ejects them, for the console to show."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateways.agent.envoy.admin import Admin, AdminUnreachable
from gateways.agent.xds.compiled_api import CompiledApi

MOST_SERVICES, MOST_BAD, MOST_HOSTS = 200, 4, 1000
"""Told in a heartbeat, which is small. Hosts are those of all services together."""
Told = dict[str, dict[str, Any]]
"""By NAMESPACE/SERVICE: {"healthy", "unknown", "total": hosts, "unhealthy": addresses of some, "hosts"}.

A host is {"address", "name": by which DNS knows it, "state", "backup"}. Those that are well come last.
"""
_ORDER = ("unhealthy", "ejected", "unknown", "healthy")


def of_upstreams(admin: Admin, serving: Iterable[CompiledApi]) -> Told:
    """Of those of which something is known; Envoy is asked about none where there are none."""
    services: dict[str, set[str]] = {}
    for one in serving:
        for name, service in one.services.items():
            if _is_watched(one.clusters[name]):
                services.setdefault(name, set()).add(f"{one.api.namespace}/{service}")
    if not services:
        return {}
    try:
        clusters = admin.clusters()
    except AdminUnreachable:
        return {}
    found = {
        service: _told(clusters[name])
        for name in sorted(services.keys() & clusters.keys())
        for service in sorted(services[name])
    }
    left = MOST_HOSTS
    told: Told = {}
    for service, it in list(found.items())[:MOST_SERVICES]:
        told[service] = {**it, "hosts": it["hosts"][:left]}
        left -= len(told[service]["hosts"])
    return told


def _is_watched(cluster: Mapping[str, Any]) -> bool:
    """Whether it is known of its hosts how they are, or there are several to tell of."""
    places = cluster.get("load_assignment", {}).get("endpoints", ())
    hosts = sum(len(one["lb_endpoints"]) for one in places)
    return "health_checks" in cluster or "outlier_detection" in cluster or hosts > 1


def _told(hosts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    found = [_host(one) for one in hosts]
    found.sort(key=lambda one: (_ORDER.index(one["state"]), one["backup"]))
    states = [one["state"] for one in found]
    bad = [one["address"] for one in found if one["state"] in ("unhealthy", "ejected")]
    return {
        "healthy": states.count("healthy"),
        "unknown": states.count("unknown"),
        "total": len(states),
        "unhealthy": bad[:MOST_BAD],
        "hosts": found,
    }


def _host(host: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "address": _address(host),
        "name": str(host.get("hostname", ""))[:255],
        "state": _state(host.get("health_status", {})),
        "backup": bool(host.get("priority")),
    }


def _state(status: Mapping[str, Any]) -> str:
    """A host that was not asked yet counts as bad for Envoy, and as unknown for people."""
    if status.get("pending_active_hc"):
        return "unknown"
    if status.get("failed_active_health_check"):
        return "unhealthy"
    return "ejected" if status.get("failed_outlier_check") else "healthy"


def _address(host: Mapping[str, Any]) -> str:
    place = host.get("address", {}).get("socket_address", {})
    return f"{place.get('address', '')}:{place.get('port_value', '')}"[:255]
