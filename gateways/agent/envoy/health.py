"""How well the hosts of upstreams are, where Envoy asks them or ejects them, for the console to show."""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateways.agent.envoy.admin import Admin, AdminUnreachable
from gateways.agent.xds import ranks
from gateways.agent.xds.compiled_api import CompiledApi

MOST_SERVICES, MOST_BAD, MOST_HOSTS = 200, 4, 1000
"""Told in a heartbeat, which is small. Hosts are those of all services together."""
HOSTS_AT_ONCE, CLUSTERS_AT_ONCE = 2_000, 100
"""Envoy writes 0.7 KB of a host, and its admin takes an address of 60 KB."""
SHARE = 20
"""To ask takes this part of the time at most: 200 upstreams of 100 hosts each are 15 MB to read."""
UpstreamStates = dict[str, dict[str, Any]]
"""By NAMESPACE/SERVICE: {"healthy", "unknown", "total": hosts, "unhealthy": addresses of some, "hosts"}.

A host is {"address", "name": by which DNS knows it, "state", "backup"}. Those that are well come last.
"""
_ORDER = ("unhealthy", "ejected", "unknown", "healthy")


class Watch:
    """Tells of them again and again. While it would cost too much to ask, what was told last is told."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._told: UpstreamStates = {}
        self._again_at = 0.0

    def told(self, serving: Iterable[CompiledApi]) -> UpstreamStates:
        began = time.monotonic()
        if began >= self._again_at:
            self._told = of_upstreams(self._admin, serving)
            ended = time.monotonic()
            self._again_at = ended + (ended - began) * SHARE
        return self._told


def of_upstreams(admin: Admin, serving: Iterable[CompiledApi]) -> UpstreamStates:
    """Of those of which something is known; Envoy is asked about none where there are none."""
    services: dict[str, set[str]] = {}
    sizes: dict[str, int] = {}
    parts: dict[str, list[str]] = {}
    for one in serving:
        for name, service in one.services.items():
            if _is_watched(one.clusters[name]):
                services.setdefault(name, set()).add(f"{one.api.namespace}/{service}")
                sizes[name] = _hosts_of(one.clusters[name])
                parts[name] = ranks.names(name, one.clusters[name])
    told: UpstreamStates = {}
    left = MOST_HOSTS
    try:
        for names in _portions(sizes):
            if len(told) >= MOST_SERVICES:
                break
            asked = [part for name in names for part in parts[name]]
            clusters = admin.clusters("|".join(map(re.escape, asked)))
            for name in (one for one in names if parts[one][0] in clusters):
                it = _told(_ranked([clusters.get(part, []) for part in parts[name]]))
                for service in sorted(services[name]):
                    told[service] = {**it, "hosts": it["hosts"][:left]}
                    left -= len(told[service]["hosts"])
    except AdminUnreachable:
        return {}
    return dict(list(told.items())[:MOST_SERVICES])


def _portions(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """The names of clusters, in order, as many at a time as are asked about together."""
    names: list[str] = []
    hosts = 0
    for name in sorted(sizes):
        if names and (hosts + sizes[name] > HOSTS_AT_ONCE or len(names) >= CLUSTERS_AT_ONCE):
            yield names
            names, hosts = [], 0
        names.append(name)
        hosts += sizes[name]
    if names:
        yield names


def _is_watched(cluster: Mapping[str, Any]) -> bool:
    """Whether it is known of its hosts how they are, or there are several to tell of."""
    return "health_checks" in cluster or "outlier_detection" in cluster or _hosts_of(cluster) > 1


def _hosts_of(cluster: Mapping[str, Any]) -> int:
    """As it was told; DNS may find more."""
    places = cluster.get("load_assignment", {}).get("endpoints", ())
    return sum(len(one["lb_endpoints"]) for one in places)


def _ranked(parts: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The hosts of one upstream; where each rank has a cluster of its own, with their rank."""
    if len(parts) == 1:
        return parts[0]
    return [{**host, "priority": rank} for rank, hosts in enumerate(parts) for host in hosts]


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
