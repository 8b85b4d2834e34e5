"""What Envoy starts with: everything that changes later comes from files beside it."""

import os
from pathlib import Path
from typing import Any

from policies.contract import TYPE_URL

MOST_CONNECTIONS = 50_000
HEAP_SHARE = 0.8
STATS_KEPT = (
    r"(cluster_manager|listener_manager|server|filesystem|overload)\..*",
    r"http\.p[0-9]+\.(rds\..*|downstream_cx_active|downstream_rq_active|downstream_cx_total|downstream_rq_total)",
)
"""Other statistics cost throughput and nobody reads them: the access log is what is counted."""


def bootstrap(folder: Path, node: str) -> dict[str, Any]:
    """`folder` holds the xDS files. The admin socket is relative to Envoy's working directory."""
    return {
        "node": {"id": node, "cluster": "gatewright"},
        "admin": {"address": {"pipe": {"path": "admin.sock", "mode": 0o600}}},
        "dynamic_resources": {
            "cds_config": watched(folder, folder / "cds.json"),
            "lds_config": watched(folder, folder / "lds.json"),
        },
        "stats_config": {
            "use_all_default_tags": False,
            "stats_matcher": {
                "inclusion_list": {"patterns": [{"safe_regex": {"regex": regex}} for regex in STATS_KEPT]}
            },
        },
        "overload_manager": _overload(),
    }


def watched(folder: Path, path: Path) -> dict[str, Any]:
    """A configuration source: the file, taken anew when one is renamed into the folder."""
    return {
        "resource_api_version": "V3",
        "path_config_source": {"path": str(path), "watched_directory": {"path": str(folder)}},
    }


def _overload() -> dict[str, Any]:
    return {
        "refresh_interval": "0.5s",
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": TYPE_URL + "envoy.extensions.resource_monitors.downstream_connections.v3."
                    "DownstreamConnectionsConfig",
                    "max_active_downstream_connections": MOST_CONNECTIONS,
                },
            },
            {
                "name": "envoy.resource_monitors.fixed_heap",
                "typed_config": {
                    "@type": TYPE_URL + "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                    "max_heap_size_bytes": _heap_bytes(),
                },
            },
        ],
        "actions": [
            {"name": f"envoy.overload_actions.{action}", "triggers": [_above(share)]}
            for action, share in (("shrink_heap", 0.9), ("stop_accepting_requests", 0.97))
        ],
    }


def _above(share: float) -> dict[str, Any]:
    return {"name": "envoy.resource_monitors.fixed_heap", "threshold": {"value": share}}


def _heap_bytes() -> int:
    """A share of what the container may use, else of what the machine has."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        allowed = int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):
        allowed = machine
    return int(min(machine, allowed) * HEAP_SHARE)
