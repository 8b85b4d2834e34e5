"""How much may be under way to an upstream at the same time, as Envoy's clusters have it."""

from typing import Any

from pydantic import Field

from policies.policy import PolicyConfig

MOST = 65_536
"""Where nobody says otherwise. Envoy's own limit of 1024 pending requests would answer 503 where the upstream
is only slow."""
NAMES = ("max_connections", "max_pending_requests", "max_requests", "max_retries")


class Thresholds(PolicyConfig):
    max_connections: int | None = Field(
        None,
        ge=1,
        le=MOST,
        title="Connections",
        description="Requests beyond them wait for one of HTTP/1. Empty: no limit.",
    )
    max_pending_requests: int | None = Field(
        None,
        ge=1,
        le=MOST,
        title="Waiting requests",
        description="Requests that wait for a connection at the same time. Empty: no limit.",
    )
    max_requests: int | None = Field(
        None,
        ge=1,
        le=MOST,
        title="Requests under way",
        description="Requests that are sent and not yet answered. Empty: no limit.",
    )
    max_retries: int | None = Field(
        None,
        ge=0,
        le=MOST,
        title="Retries under way",
        description="Requests that are sent once more at the same time; 0 sends none again. Empty: no limit.",
    )
    max_connection_pools: int | None = Field(
        None,
        ge=1,
        le=MOST,
        title="Connection pools",
        description="Groups of connections that are alike. Few need it. Empty: no limit.",
    )


def circuit_breakers(**given: int | None) -> dict[str, Any]:
    """With what is given; None stands for MOST, and of `max_connection_pools` for no limit."""
    said = {name: value for name, value in given.items() if value is not None}
    return {"thresholds": [{**dict.fromkeys(NAMES, MOST), **said}]}
