"""How well the upstreams are that Envoy asks in the background, for the console to show."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateways.agent.envoy.admin import Admin, AdminUnreachable
from gateways.agent.xds.compiled_api import CompiledApi

MOST_SERVICES, MOST_BAD = 200, 4
"""Told in a heartbeat, which is small."""
Told = dict[str, dict[str, Any]]
"""By NAMESPACE/SERVICE: {"healthy", "unknown", "total": hosts, "unhealthy": addresses of some}."""


def of_upstreams(admin: Admin, serving: Iterable[CompiledApi]) -> Told:
    """Of those that a policy has Envoy ask; Envoy is asked about none where there are none."""
    services: dict[str, set[str]] = {}
    for one in serving:
        for name, service in one.services.items():
            if "health_checks" in one.clusters[name]:
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
    return dict(list(found.items())[:MOST_SERVICES])


def _told(hosts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    states = [(_address(host), _state(host.get("health_status", {}))) for host in hosts]
    bad = [address for address, state in states if state == "unhealthy"]
    return {
        "healthy": sum(state == "healthy" for _, state in states),
        "unknown": sum(state == "unknown" for _, state in states),
        "total": len(states),
        "unhealthy": bad[:MOST_BAD],
    }


def _state(status: Mapping[str, Any]) -> str:
    """A host that was not asked yet counts as bad for Envoy, and as unknown for people."""
    if status.get("pending_active_hc"):
        return "unknown"
    return "unhealthy" if status.get("failed_active_health_check") else "healthy"


def _address(host: Mapping[str, Any]) -> str:
    place = host.get("address", {}).get("socket_address", {})
    return f"{place.get('address', '')}:{place.get('port_value', '')}"[:255]
