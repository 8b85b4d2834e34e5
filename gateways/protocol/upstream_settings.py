"""What an upstream may be told beside its address: hosts, balancing, checks, time limits, retries, bounds.

A `Service` resource has these fields, REST's upstreams have them, and the console makes its form of them.
Each is left out where it says nothing, so that documents of upstreams without them stay as they were.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from gateways.protocol.upstream_hosts import (
    DAY_SECONDS,
    MOST_HOSTS,
    Failover,
    HealthCheck,
    Host,
    LoadBalancing,
    OutlierDetection,
    SettingsModel,
    fault_at,
)

MOST_UNDER_WAY = 65_536


class UpstreamTimeouts(SettingsModel):
    connect_in_milliseconds: int | None = Field(
        None,
        ge=1,
        le=600_000,
        title="Connect within",
        description="Empty: 5 seconds.",
        json_schema_extra={"format": "duration-ms"},
    )
    response_in_milliseconds: int | None = Field(
        None,
        ge=1,
        le=10 * DAY_SECONDS * 1000,
        title="Answer begins within",
        description="Of each try; callers get 504 then. Instead of the API's own. Empty: as the API says.",
        json_schema_extra={"format": "duration-ms"},
    )
    idle_in_milliseconds: int | None = Field(
        None,
        ge=100,
        le=10 * DAY_SECONDS * 1000,
        title="Close idle connections after",
        description="A little less than the upstream's own, so that it closes none just as a request is sent."
        " Empty: as the gateway says.",
        json_schema_extra={"format": "duration-ms"},
    )


Method = Literal["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "POST", "PATCH"]
Status = Annotated[int, Field(ge=400, le=599)]
IDEMPOTENT: tuple[Method, ...] = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE")


class UpstreamRetries(SettingsModel):
    most: int | None = Field(
        None,
        ge=0,
        le=10,
        title="Retries at most",
        description="With several hosts, another one is tried. 0: nothing is sent again. Empty: as the API or"
        " the gateway says, which is twice, and only what a lost connection took with it.",
    )
    status_codes: tuple[Status, ...] = Field(
        (502, 503, 504),
        max_length=50,
        title="Answers to try again",
        description="Statuses of the upstream.",
    )
    methods: tuple[Method, ...] = Field(
        IDEMPOTENT,
        max_length=20,
        title="Methods",
        description="With POST or PATCH an upstream may do twice what was asked once.",
    )
    first_pause_in_milliseconds: int = Field(
        25, ge=1, le=10_000, title="First pause", json_schema_extra={"format": "duration-ms", "needed": True}
    )
    longest_pause_in_milliseconds: int = Field(
        250,
        ge=1,
        le=60_000,
        title="Longest pause",
        json_schema_extra={"format": "duration-ms", "needed": True},
    )

    @model_validator(mode="after")
    def _can_act(self) -> Self:
        if not self.most and (said := self.said("most")):
            raise fault_at(said[0], "nothing is sent again by it; set most to 1 or more, or take it out")
        if self.longest_pause_in_milliseconds < self.first_pause_in_milliseconds:
            raise fault_at("longestPauseInMilliseconds", "is shorter than the first pause")
        if not self.methods:
            raise fault_at("methods", "name at least one; to send nothing again, set most to 0")
        return self


Bound = Annotated[int | None, Field(ge=1, le=MOST_UNDER_WAY)]


class UpstreamLimits(SettingsModel):
    max_connections: Bound = Field(
        None, title="Connections", description="Requests beyond them wait for one of HTTP/1. Empty: no limit."
    )
    max_pending_requests: Bound = Field(
        None, title="Waiting requests", description="What is beyond gets 503. Empty: no limit."
    )
    max_requests: Bound = Field(
        None, title="Requests under way", description="What is beyond gets 503. Empty: no limit."
    )
    max_retries: Annotated[int | None, Field(ge=0, le=MOST_UNDER_WAY)] = Field(
        None, title="Retries under way", description="Empty: no limit."
    )
    max_requests_per_connection: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = Field(
        None,
        title="Requests per connection",
        description="After so many a connection is closed. Empty: no limit.",
    )


class Dns(SettingsModel):
    refresh_in_seconds: int | None = Field(
        None,
        ge=1,
        le=DAY_SECONDS,
        title="Look names up every",
        description="Empty: every 5 seconds.",
        json_schema_extra={"format": "duration-s"},
    )
    respect_ttl: bool = Field(
        False,
        title="As long as DNS says",
        description="By the TTL of the answer; the time above is for failures.",
    )


def _is_usual(value: Any) -> bool:
    return bool(value.is_usual) if isinstance(value, SettingsModel) else not value


def _folded(title: str, description: str) -> dict[str, Any]:
    return {"title": title, "description": description, "exclude_if": _is_usual}


class UpstreamSettings(BaseModel):
    """All of it; each field is left out of documents where it is as it comes."""

    model_config = SettingsModel.model_config

    hosts: tuple[Host, ...] = Field(
        (),
        max_length=MOST_HOSTS,
        title="Hosts",
        description="Where it runs. The URL still says scheme, Host header, path, and the name that a"
        " certificate must have. None: at the URL's host.",
        exclude_if=_is_usual,
    )
    failover: Failover = Field(
        Failover(), **_folded("Failover", "Another upstream, for when this one cannot be reached.")
    )
    load_balancing: LoadBalancing = Field(
        LoadBalancing(), **_folded("Load balancing", "Which host gets a request.")
    )
    health_check: HealthCheck = Field(
        HealthCheck(), **_folded("Health check", "A host that answers badly gets no requests.")
    )
    outlier_detection: OutlierDetection = Field(
        OutlierDetection(), **_folded("Ejecting hosts", "By how they answer requests, without asking them.")
    )
    timeouts: UpstreamTimeouts = Field(UpstreamTimeouts(), **_folded("Timeouts", ""))
    retries: UpstreamRetries = Field(UpstreamRetries(), **_folded("Retries", ""))
    limits: UpstreamLimits = Field(
        UpstreamLimits(), **_folded("Circuit breaker", "Each replica counts for itself.")
    )
    dns: Dns = Field(Dns(), **_folded("DNS", ""))
    http2: bool = Field(
        False,
        title="HTTP/2",
        description="gRPC needs it: without it http:// is asked in HTTP/1.1, which its servers do not speak."
        " An h2:// URL says so too; https:// speaks it with this.",
        exclude_if=_is_usual,
    )

    @property
    def is_usual(self) -> bool:
        return not self.told

    @property
    def told(self) -> dict[str, Any]:
        """As JSON, each key as outside; {} where nothing is set."""
        if self is USUAL:
            return {}
        fields = UpstreamSettings.model_fields
        kept = self.model_dump(mode="json", by_alias=True, include=set(fields))
        return {key: _without_none(value) for key, value in kept.items()}

    @property
    def brief(self) -> dict[str, Any]:
        """The same without what is as it comes."""
        fields = UpstreamSettings.model_fields
        return self.model_dump(mode="json", by_alias=True, include=set(fields), exclude_defaults=True)

    @property
    def settings(self) -> "UpstreamSettings":
        """These alone, of what has more fields; USUAL itself where nothing is set."""
        own = {name: getattr(self, name) for name in UpstreamSettings.model_fields}
        is_usual = all(value == getattr(USUAL, name) for name, value in own.items())
        return USUAL if is_usual else UpstreamSettings(**own)

    @property
    def is_checked(self) -> bool:
        """Whether it is known of its hosts if they are well."""
        return self.health_check.kind != "none" or self.outlier_detection.consecutive_errors is not None

    @property
    def is_shown(self) -> bool:
        """Whether there is more to tell of its hosts than that they are there."""
        return self.is_checked or len(self.hosts) > 1 or self.failover.address is not None


USUAL = UpstreamSettings()


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: one for key, one in value.items() if one is not None}
    return value
