"""An API with all that the console has of it, tied to no environment: what is exported and promoted.

Things are called by names (`key`) and never by ids: an upstream by the policies that act on it, a policy by
what is muted of it.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from gateways.protocol.resources import Methods, Mode, Model, Name, SlaLimit
from gateways.protocol.upstream_settings import USUAL, UpstreamSettings

Text = Annotated[str, Field(max_length=255)]
Part = Literal["tiers", "terms", "alerts", "tests"]
MOST_POLICIES, MOST_UPSTREAMS, MOST_TIERS, MOST_ALERTS, MOST_MUTED = 500, 200, 1_000, 500, 500
MOST_SHARED, MOST_TERMS = 500, 10_000
DEFAULT_GROUP = "default"
"""Of secrets whose mention names none: the environment's own group, and the namespace of files."""


class AssetPart(Model):
    asset_id: str = Field(max_length=120)
    name: Text
    version: str = Field("1.0.0", max_length=40)
    api_version: str = Field("v1", max_length=40)
    type: str = Field("http-api", max_length=20)


class DocumentPart(Model):
    """An OpenAPI document, as it was uploaded."""

    name: Text
    text: str


class UpstreamPart(Model):
    """`tls_context` is the name of one."""

    key: Name
    uri: str = Field(max_length=1024)
    label: Text = ""
    tls_context: str = Field("", max_length=120)
    settings: UpstreamSettings = USUAL


class TargetPart(Model):
    upstream: Name
    weight: int = Field(100, ge=0, le=100)


class RoutePart(Model):
    label: Text = ""
    methods: Methods = ""
    path: str = ""
    host: str = ""
    headers: dict[str, str] = {}
    targets: tuple[TargetPart, ...] = ()


class PolicyPart(Model):
    """`config` is without the secrets; `secrets` are by their paths in it, "" where the value is not known.

    `upstreams` are the keys of those that an outbound one acts on.
    """

    key: Name
    policy: str = Field(max_length=120)
    version: str = Field("", max_length=40)
    label: Text = ""
    config: dict[str, Any] = {}
    secrets: dict[str, str] = Field({}, repr=False)
    conditions: tuple[dict[str, str], ...] = ()
    upstreams: tuple[Name, ...] = ()
    is_disabled: bool = Field(False, alias="disabled")
    mode: Mode = "enforce"


class TierPart(Model):
    name: str = Field(min_length=1, max_length=120)
    description: str = Field("", max_length=20_000)
    limits: tuple[SlaLimit, ...] = Field((), max_length=8)
    approves_by_itself: bool = False
    status: Literal["ACTIVE", "DEPRECATED"] = "ACTIVE"


class MutedPart(Model):
    """A place of a policy names its key."""

    code: str = Field(max_length=60)
    place: str = Field(max_length=255)
    reason: str = Field(max_length=500)


class SecretPart(Model):
    """A shared secret that policies mention. `values` by its fields, "" where the value is not known."""

    group: str = Field(max_length=120)
    name: str = Field(max_length=120)
    values: dict[str, str] = Field({}, repr=False)

    @property
    def reference(self) -> str:
        return f"{self.group}/{self.name}"


class Portable(Model):
    """Routes and inbound policies are in the order in which they are tried; upstreams as routes lead to them,
    then those to which none does. `terms` are its own: "" has none, None says nothing of them. Of the parts
    in `without` nothing is said: where the API is there already, they stay as they are.
    """

    asset: AssetPart
    label: Text = ""
    description: str = ""
    protocol: str = "http"
    port: int = 8081
    base_path: str = "/"
    tls_context: str = Field("", max_length=120)
    consumer_endpoint: str = Field("", max_length=200)
    tags: tuple[str, ...] = ()
    response_timeout_ms: int | None = None
    is_deprecated: bool = Field(False, alias="deprecated")
    owners: tuple[str, ...] = Field((), max_length=20)
    extra: dict[str, Any] = {}
    upstreams: tuple[UpstreamPart, ...] = Field((), max_length=MOST_UPSTREAMS)
    routes: tuple[RoutePart, ...] = Field((), max_length=100)
    policies: tuple[PolicyPart, ...] = Field((), max_length=MOST_POLICIES)
    tiers: tuple[TierPart, ...] = Field((), max_length=MOST_TIERS)
    terms: str | None = Field(None, max_length=MOST_TERMS)
    alerts: tuple[dict[str, Any], ...] = Field((), max_length=MOST_ALERTS)
    tests: tuple[dict[str, Any], ...] = Field((), max_length=100)
    muted: tuple[MutedPart, ...] = Field((), max_length=MOST_MUTED)
    shared_secrets: tuple[SecretPart, ...] = Field((), max_length=MOST_SHARED)
    document: DocumentPart | None = None
    without: tuple[Part, ...] = Field((), max_length=4)

    @property
    def title(self) -> str:
        return f"{self.asset.name} {self.asset.api_version}{f' ({self.label})' if self.label else ''}"

    @property
    def lines(self) -> Iterator[tuple[str, str]]:
        """What is shown on one line, with its place."""
        yield "asset.name", self.asset.name
        yield "label", self.label
        for name in ("upstreams", "routes", "policies"):
            yield from ((f"{name}.{at}.label", one.label) for at, one in enumerate(getattr(self, name)))
        yield from ((f"tiers.{at}.name", one.name) for at, one in enumerate(self.tiers))
        yield from ((f"tags.{at}", tag) for at, tag in enumerate(self.tags))

    @property
    def inbound(self) -> tuple[PolicyPart, ...]:
        return tuple(one for one in self.policies if not one.upstreams)

    @property
    def outbound(self) -> tuple[PolicyPart, ...]:
        return tuple(one for one in self.policies if one.upstreams)

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON, secrets and all; `Portable.model_validate` reads it."""
        return self.model_dump(mode="json", by_alias=True)
