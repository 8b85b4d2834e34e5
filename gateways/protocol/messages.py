"""What replica and console say to each other, as both sides parse it.

Agent to console, under /agent/v1/: POST registrations (a one-time token instead of a signature),
POST heartbeats, GET snapshot, GET contracts (`book`), GET stream (`frames` says what comes down it),
POST acks, POST traffic.
The console opens no connection to an agent. Requests carry `Authorization: Bearer` with an EdDSA JWT of
the claims in `Claims`, snapshots down a stream another; the two ends are told apart by `iss` and `aud`.

Each release speaks with the one before and after it: fields that the other side may not know are left
out until it has shown that it does.
"""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, Field

from gateways.protocol.histogram import LARGEST
from gateways.protocol.resources import Model
from policies.fields.hosts import is_host, port_of

CONSOLE = "gatewright-console"
KNOWS_HEADER, KNOWS_CONTRACTS, KNOWS_CHANGES = "Gatewright-Knows", "contracts", "changes"
KNOWS_SERVICES = "services"
"""By which answers of the console tell what it knows that the release before did not, and agents with the
request for a stream what they take.
"""
MAX_AGE_SECONDS = 60
CLOCK_SKEW_SECONDS = 30
SNAPSHOT_LIMIT = 64 * 1024 * 1024
ACK_LIMIT = 4 * 1024 * 1024
"""Of 1,000 APIs it has 0.14 MB, and 0.8 MB where Envoy refuses each of them in as many words as are kept."""

Generation = Annotated[int, Field(ge=0, le=2**53)]
Moment = Annotated[
    AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(9999, 1, 1, tzinfo=UTC))
]
"""Between the first and the last that every reader holds, in whatever zone it was told."""
Digest = Annotated[str, Field(max_length=64)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""What a column of the console's database holds."""
Label = Annotated[str, Field(max_length=255)]
Requests = Annotated[int, Field(ge=0, le=10**9)]
Bytes = Annotated[int, Field(ge=0, le=2**50)]
"""Of one row: more than a replica can have in ten seconds, and little enough that no sum of rows is too large
for a column, where all gateways' rows are added up together.
"""
Shed = Annotated[dict[Label, Count], Field(max_length=50)]
"""Lines by the reason for which they were dropped."""


def _is_empty(value: object) -> bool:
    return not value


LateLabel = Annotated[Label, Field(exclude_if=_is_empty)]
"""One that the release before does not know: it is sent where it says something."""


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


def _checked_control_url(url: str) -> str:
    """Refuses what is no address of a machine, since people are shown it."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and is_host(parts.hostname or "")
        is_plain = not (parts.query or parts.fragment or parts.username is not None or url[-1:] in "?#")
        port_of(parts)
    except ValueError:
        is_address = is_plain = False
    if url and not (is_address and is_plain):
        raise ValueError("write http://HOST:PORT, without user, query or fragment")
    return url


ControlUrl = Annotated[str, Field(max_length=200), AfterValidator(_checked_control_url)]


class ReplicaFacts(Model):
    id: str
    name: str
    version: str
    envoy_version: str = ""
    control_url: ControlUrl = Field("", description="Where its probes answer. Nobody is sent there.")
    started_at: Moment


class ResourceAck(Model):
    """One ApiInstance's answer. `running_generation` is the version that serves; None when none does."""

    namespace: str = Field(max_length=120)
    name: str = Field(max_length=255)
    state: Literal["applied", "refused"]
    reason: str = ""
    running_generation: Generation | None = None


class Ack(Model):
    """A replica's answer to a snapshot. `applied` is false only when nothing of it was taken into force."""

    replica: str
    generation: Generation
    digest: Digest
    applied: bool
    reason: str = ""
    duration_ms: int = Field(0, ge=0, le=2**31 - 1)
    at: Moment
    resources: tuple[ResourceAck, ...] = ()


def _finite(envoy: dict[str, Any]) -> dict[str, Any]:
    """Refuses NaN and infinities, which Python reads as JSON and no database keeps."""
    json.dumps(envoy, allow_nan=False)
    return envoy


class BookState(Model):
    """Which contracts count at a gateway."""

    generation: Generation
    digest: Digest


class BookWanted(BookState):
    """Those that should; the digest is empty until they have been made."""

    pull: bool = False


class Heartbeat(Model):
    replica: ReplicaFacts
    state: Literal["running", "draining", "stopped"] = "running"
    generation: Generation = 0
    digest: Digest = ""
    envoy: Annotated[dict[str, Any], AfterValidator(_finite)] = {}
    shed: Shed = Field({}, description="Lines dropped, by reason, since the replica started.")
    warnings: tuple[Annotated[str, Field(max_length=1000)], ...] = Field(
        (), max_length=10, description="What its operator should mend."
    )
    stream: bool | None = Field(None, description="Whether changes come down a stream; left out without one.")
    contracts: BookState | None = Field(
        None, description="Which of those sent by themselves count; left out where the console sends none."
    )


class HeartbeatAnswer(Model):
    """What the console wants: pull the snapshot when generation or digest differ, or `pull` says so."""

    generation: int
    digest: str
    pull: bool = False
    heartbeat_seconds: int
    contracts: BookWanted | None = Field(None, exclude_if=_is_empty)


Buckets = dict[Annotated[int, Field(ge=0, le=LARGEST)], Requests]


class TrafficCount(Model):
    """Requests of one API that share every label, in the ten seconds from `time` (epoch seconds).

    The agent fills these fields, the console keeps them in columns of the same names and rolls them up.
    """

    LABELS: ClassVar = (
        *("route", "method", "status", "policy", "policy_check", "application"),
        *("failure", "failure_detail", "upstream_host", "service"),
    )
    SUMS: ClassVar = ("requests", "received_bytes", "sent_bytes")
    HISTOGRAMS: ClassVar = ("total", "upstream")

    time: Count
    namespace: Label
    api: Label
    route: Label
    method: Label
    status: Annotated[int, Field(ge=0, le=999)]
    policy: Label = ""
    policy_check: LateLabel = Field("", description="Which check of the policy refused.")
    application: Label = ""
    failure: Label = Field("", description="Why its upstream failed, in the words of `failures`.")
    failure_detail: Label = ""
    upstream_host: Label = Field("", description="Which upstream failed, by its configured address.")
    service: LateLabel = Field("", description="Which upstream was asked, by its Service's name.")
    requests: Annotated[Requests, Field(ge=1)]
    received_bytes: Bytes = 0
    sent_bytes: Bytes = 0
    total: Buckets
    upstream: Buckets = {}


class ResourceCount(Model):
    """Requests to one path of an API, its ids replaced, in the ten seconds from `time`."""

    LABELS: ClassVar = ("method", "resource")
    SUMS: ClassVar = ("requests", "client_errors", "server_errors")
    HISTOGRAMS: ClassVar = ("total",)

    time: Count
    namespace: Label
    api: Label
    method: Label
    resource: Label
    requests: Annotated[Requests, Field(ge=1)]
    client_errors: Requests = 0
    server_errors: Requests = 0
    total: Buckets


class ConditionCount(Model):
    """Requests of one API for which a policy's conditions held, in the ten seconds from `time`."""

    time: Count
    namespace: Label
    api: Label
    binding: Label
    requests: Annotated[Requests, Field(ge=1)]


class ObservedCount(ConditionCount):
    """Requests of one API that a policy, set to observe, would have refused."""


class RequestSample(Model):
    """One request as it was. `at` is epoch seconds; the path has no query."""

    at: Annotated[float, Field(ge=0)]
    namespace: Label
    api: Label
    route: Label
    method: Label
    path: Annotated[str, Field(max_length=400)]
    status: Annotated[int, Field(ge=0, le=999)]
    policy: Label = ""
    application: Label = ""
    protocol: Label = ""
    total_us: Count = 0
    upstream_us: Count | None = None
    received_bytes: Count = 0
    sent_bytes: Count = 0
    remote_address: Label = ""
    user_agent: Label = ""
    details: Label = ""
    flags: Label = ""
    failure: Label = ""
    failure_detail: Label = ""
    upstream_host: Label = ""
    upstream_address: Label = ""
    policy_check: LateLabel = ""
    reason: LateLabel = Field("", description="Why a policy refused: the check and the compared values.")
    observed: Annotated[str, Field(max_length=800, exclude_if=_is_empty)] = Field(
        "", description="What policies that only observe would have refused, and why."
    )
    request_id: LateLabel = ""
    service: LateLabel = ""


class TrafficBatch(Model):
    """What the bytes from `start` to `end` of one access log hold. Taken only if `start` is committed."""

    replica: str
    file: Annotated[str, Field(min_length=1, max_length=60)]
    start: Count
    end: Count
    counts: tuple[TrafficCount, ...] = ()
    resources: tuple[ResourceCount, ...] = ()
    conditions: tuple[ConditionCount, ...] = ()
    observed: Annotated[tuple[ObservedCount, ...], Field(exclude_if=_is_empty)] = ()
    samples: tuple[RequestSample, ...] = ()
    shed: Shed = Field({}, description="Lines of these bytes that were not counted, by reason.")

    def without_services(self) -> "TrafficBatch":
        """As a console of the release before takes it; what differed by that alone is still told apart."""
        counts = tuple(one.model_copy(update={"service": ""}) for one in self.counts)
        samples = tuple(one.model_copy(update={"service": ""}) for one in self.samples)
        return self.model_copy(update={"counts": counts, "samples": samples})


class TrafficAnswer(Model):
    """Up to where the console has this file: where the next batch starts."""

    committed: Count
