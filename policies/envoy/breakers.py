"""How much may be under way to an upstream at the same time, as Envoy's clusters have it."""

from typing import Any

MOST = 65_536
"""Where nobody says otherwise. Envoy's own limit of 1024 pending requests would answer 503 where the upstream
is only slow."""
NAMES = ("max_connections", "max_pending_requests", "max_requests", "max_retries")


def circuit_breakers(**given: int | None) -> dict[str, Any]:
    """With what is given; None stands for MOST, and of `max_connection_pools` for no limit."""
    said = {name: value for name, value in given.items() if value is not None}
    return {"thresholds": [{**dict.fromkeys(NAMES, MOST), **said}]}
