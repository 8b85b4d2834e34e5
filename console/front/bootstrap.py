"""What the front's Envoy starts with, all of it: only the certificate changes while it runs."""

from typing import Any

from console.front import listeners, servers
from console.front.settings import Front
from gateways.agent.host import memory
from gateways.agent.xds.overload import HEAP_SHARE
from policies.compiled import TYPE_URL

MOST_CONNECTIONS = 30_000
OTHER_DESCRIPTORS = 300
STREAMS_SHARE = 2 / 3
"""Of the connections; the rest is for browsers, however many gateways come."""
MOST_HEAP_BYTES = 512 * 1024 * 1024
TRACKED_FROM_POWER = 20
"""Requests that hold a megabyte or more are known by size, so that the largest can be given up first."""
RUNTIME = {
    "layers": [{"name": "gatewright", "static_layer": {"http": {"max_requests_per_io_cycle": 1}}}],
}
"""Of one HTTP/2 connection: else a caller who sends and resets thousands keeps all others waiting."""
_MONITORS = "envoy.resource_monitors."
_TYPES = TYPE_URL + "envoy.extensions.resource_monitors."
_HEAP = _MONITORS + "fixed_heap"


def bootstrap(front: Front, descriptors: int) -> dict[str, Any]:
    """`descriptors` is how many files and connections the process may have open: two for each caller."""
    connections = min(MOST_CONNECTIONS, max(50, (descriptors - OTHER_DESCRIPTORS) // 2))
    streams = int(connections * STREAMS_SHARE)
    return {
        "node": {"id": "front", "cluster": "gatewright-console"},
        "admin": {
            "address": {"pipe": {"path": "admin.sock", "mode": 0o600}},
            "ignore_global_conn_limit": True,
        },
        "static_resources": {
            "listeners": listeners.listeners(front),
            "clusters": servers.clusters(front, streams),
        },
        "stats_config": {
            "use_all_default_tags": False,
            "stats_matcher": {
                "inclusion_list": {
                    "patterns": [
                        {"safe_regex": {"regex": r"(server|overload|sds|listener_manager)\..*"}},
                        {"safe_regex": {"regex": r"(http|cluster)\.[a-z]+\.(down|up)stream_(cx|rq)_.*"}},
                    ]
                }
            },
        },
        "layered_runtime": RUNTIME,
        "overload_manager": _overload(connections),
    }


def _overload(connections: int) -> dict[str, Any]:
    """Under pressure idle connections go first, then the requests that hold most, then new ones."""
    return {
        "refresh_interval": "0.25s",
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": TRACKED_FROM_POWER},
        "resource_monitors": [
            {
                "name": _MONITORS + "global_downstream_max_connections",
                "typed_config": {
                    "@type": _TYPES + "downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": connections,
                },
            },
            {
                "name": _HEAP,
                "typed_config": {
                    "@type": _TYPES + "fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": min(MOST_HEAP_BYTES, int(memory.allowed_bytes() * HEAP_SHARE / 2)),
                },
            },
        ],
        "actions": [
            {
                "name": "envoy.overload_actions.reduce_timeouts",
                "triggers": [_between(0.7, 0.9)],
                "typed_config": {
                    "@type": TYPE_URL + "envoy.config.overload.v3.ScaleTimersOverloadActionConfig",
                    "timer_scale_factors": [
                        {"timer": "HTTP_DOWNSTREAM_CONNECTION_IDLE", "min_timeout": "1s"},
                    ],
                },
            },
            {"name": "envoy.overload_actions.shrink_heap", "triggers": [_over(0.8)]},
            {"name": "envoy.overload_actions.reset_high_memory_stream", "triggers": [_between(0.85, 0.95)]},
            {"name": "envoy.overload_actions.stop_accepting_requests", "triggers": [_over(0.95)]},
        ],
    }


def _over(share: float) -> dict[str, Any]:
    return {"name": _HEAP, "threshold": {"value": share}}


def _between(low: float, high: float) -> dict[str, Any]:
    return {"name": _HEAP, "scaled": {"scaling_threshold": low, "saturation_threshold": high}}
