"""What Envoy gives up when connections or memory run short, and when it is told to leave."""

import resource
from pathlib import Path
from typing import Any

from gateways.agent.host import memory
from gateways.agent.settings import Limits
from policies.compiled import TYPE_URL

HEAP_SHARE = 0.8
HEAP = "fixed_heap"
LEAVING = "injected_resource"
LEAVING_FILE = "leaving"
"""Holds 1 when Envoy is to leave and 0 until then; to Envoy it is a resource under pressure."""
LEAST_IDLE_SECONDS = 1
OTHER_DESCRIPTORS = 100
_MONITOR = "envoy.resource_monitors."


def manager(folder: Path, limits: Limits) -> dict[str, Any]:
    """Nearer to the limit more is given up: idle connections first, then all keep-alive, then requests."""
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            _monitor(
                "global_downstream_max_connections",
                "downstream_connections.v3.DownstreamConnectionsConfig",
                max_active_downstream_connections=_most_connections(limits),
            ),
            _monitor(
                HEAP,
                f"{HEAP}.v3.FixedHeapConfig",
                max_heap_size_bytes=limits.memory_bytes or int(memory.allowed_bytes() * HEAP_SHARE),
            ),
            _monitor(
                LEAVING,
                f"{LEAVING}.v3.InjectedResourceConfig",
                filename=str(folder / LEAVING_FILE),
            ),
        ],
        "actions": [
            _idle_timeouts(),
            _action("shrink_heap", 0.9),
            _action("disable_http_keepalive", 0.92),
            _action("stop_accepting_requests", 0.95),
            _action("reject_incoming_connections", 0.98),
        ],
    }


def _idle_timeouts() -> dict[str, Any]:
    """Idle connections are closed early under pressure, and as soon as Envoy is to leave."""
    return {
        "name": "envoy.overload_actions.reduce_timeouts",
        "triggers": [
            {"name": _MONITOR + HEAP, "scaled": {"scaling_threshold": 0.85, "saturation_threshold": 0.95}},
            {"name": _MONITOR + LEAVING, "threshold": {"value": 1}},
        ],
        "typed_config": {
            "@type": TYPE_URL + "envoy.config.overload.v3.ScaleTimersOverloadActionConfig",
            "timer_scale_factors": [
                {"timer": "HTTP_DOWNSTREAM_CONNECTION_IDLE", "min_timeout": f"{LEAST_IDLE_SECONDS}s"}
            ],
        },
    }


def _action(name: str, share: float) -> dict[str, Any]:
    triggers = [{"name": _MONITOR + HEAP, "threshold": {"value": share}}]
    return {"name": f"envoy.overload_actions.{name}", "triggers": triggers}


def _monitor(name: str, kind: str, **settings: Any) -> dict[str, Any]:
    typed = {"@type": f"{TYPE_URL}envoy.extensions.resource_monitors.{kind}", **settings}
    return {"name": _MONITOR + name, "typed_config": typed}


def _most_connections(limits: Limits) -> int:
    """Two descriptors for each, the client's and the upstream's: Envoy without one left spins on accept."""
    _, descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return limits.connections
    return min(limits.connections, max(1, (descriptors - OTHER_DESCRIPTORS) // 2))
