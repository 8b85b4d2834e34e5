"""Upstreams that a retry may leave, where each caller has its host: one of Envoy's clusters for each rank.

The priorities of one cluster would do, but a hash does not ask a retry which of them were tried: it comes to
the same host again. An aggregate of clusters asks, and takes the next one; within each the hash decides.
"""

from collections.abc import Mapping
from typing import Any

from gateways.agent.xds.hosts import TAKES_OVER
from policies.compiled import TYPE_URL

_KIND = "envoy.clusters.aggregate"
_CONFIG = TYPE_URL + "envoy.extensions.clusters.aggregate.v3.ClusterConfig"
_OF_BOTH = (
    "alt_stat_name",
    "connect_timeout",
    "per_connection_buffer_limit_bytes",
    "circuit_breakers",
    "common_lb_config",
    "typed_extension_protocol_options",
)
"""What Envoy asks the aggregate about: retries at the same time, say, and the filters of what is sent."""


def names(name: str, cluster: Mapping[str, Any]) -> list[str]:
    """Of the clusters that have the hosts of this one, first rank first; its own where that is the one."""
    endpoints = cluster.get("load_assignment", {}).get("endpoints", ())
    if cluster.get("lb_policy") != "RING_HASH" or not any(map(_takes_over, endpoints)):
        return [name]
    return [f"{name}.{rank}" for rank in range(len(endpoints))]


def apart(clusters: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same upstreams as Envoy has them, by name."""
    return {it["name"]: it for one in clusters.values() for it in _apart(one)}


def _apart(cluster: Mapping[str, Any]) -> list[dict[str, Any]]:
    ranks = names(cluster["name"], cluster)
    if len(ranks) == 1:
        return [dict(cluster)]
    assigned = cluster["load_assignment"]
    made = [
        {
            **cluster,
            "name": name,
            "load_assignment": {
                **assigned,
                "cluster_name": name,
                "endpoints": [{**endpoints, "priority": 0}],
            },
        }
        for name, endpoints in zip(ranks, assigned["endpoints"], strict=True)
    ]
    whole = {
        "name": cluster["name"],
        "cluster_type": {"name": _KIND, "typed_config": {"@type": _CONFIG, "clusters": ranks}},
        "lb_policy": "CLUSTER_PROVIDED",
        **{name: cluster[name] for name in _OF_BOTH if name in cluster},
    }
    return [whole, *made]


def _takes_over(endpoints: Mapping[str, Any]) -> bool:
    first = endpoints["lb_endpoints"][0]
    told = first.get("metadata", {}).get("filter_metadata", {})
    return bool(told.get("envoy.transport_socket_match") == TAKES_OVER)
