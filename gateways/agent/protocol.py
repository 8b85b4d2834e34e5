"""What replica and console say to each other, as both sides parse it.

Agent to console, under /agent/v1/: POST registrations (a one-time token instead of a signature),
POST heartbeats, GET snapshot, POST acks, POST traffic. Console to agent, at the replica's control
URL: PUT /v1/snapshot, GET /v1/status. Signed requests carry `Authorization: Bearer` with an EdDSA JWT
of the claims in `Claims`; the two ends are told apart by `iss` and `aud`.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from gateways.agent.resources import Model

CONSOLE = "gatewright-console"
MAX_AGE_SECONDS = 60
CLOCK_SKEW_SECONDS = 30


class Claims(Model):
    """`iss` and `aud` are CONSOLE or a gateway's id; `bsh` is the SHA-256 of the body, hex."""

    iss: str
    aud: str
    sub: str = ""
    iat: int
    exp: int
    jti: str
    htm: str
    htu: str
    bsh: str


class RegistrationRequest(Model):
    token: str
    name: str
    public_key: str
    organization: str | None = None
    environment: str | None = None
    connected: bool = True


class RegistrationAnswer(Model):
    gateway_id: str
    name: str
    organization_id: str
    environment_id: str
    console_public_key: str
    heartbeat_seconds: int


class ReplicaFacts(Model):
    id: str
    name: str
    version: str
    envoy_version: str = ""
    control_url: str = ""
    started_at: datetime


class ResourceAck(Model):
    """One ApiInstance's answer. `running_generation` is the version that serves; None when none does."""

    namespace: str
    name: str
    state: Literal["applied", "refused"]
    reason: str = ""
    running_generation: int | None = None


class Ack(Model):
    """A replica's answer to a snapshot. `applied` is false only when nothing of it was taken into force."""

    replica: str
    generation: int
    digest: str
    applied: bool
    reason: str = ""
    duration_ms: int = 0
    at: datetime
    resources: tuple[ResourceAck, ...] = ()


class Heartbeat(Model):
    replica: ReplicaFacts
    state: Literal["running", "draining", "stopped"] = "running"
    generation: int = 0
    digest: str = ""
    envoy: dict[str, Any] = {}
    shed: dict[str, int] = Field({}, description="Lines dropped, by reason, since the replica started.")


class HeartbeatAnswer(Model):
    """What the console wants: pull the snapshot when generation or digest differ, or `pull` says so."""

    generation: int
    digest: str
    pull: bool = False
    heartbeat_seconds: int
