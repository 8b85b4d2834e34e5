"""What a file of an API says beside what a gateway runs: in annotations, and in a kind of its own."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from apis.portable.shape import (
    MOST_ALERTS,
    MOST_MUTED,
    MOST_POLICIES,
    MOST_TERMS,
    MOST_TIERS,
    MOST_UPSTREAMS,
    AssetPart,
    DocumentPart,
    MutedPart,
    Part,
    PolicyPart,
    Text,
    TierPart,
    UpstreamPart,
)
from gateways.protocol.resources import Model

FORMAT = 1
"""Of the file. One of a later release is refused, since nobody here knows what it means."""
LABEL, URI, TLS = "gatewright/label", "gatewright/uri", "gatewright/tls-context"
VERSION, POLICY = "gatewright/policy-version", "gatewright/policy"
OWN_DOCUMENT, IDLE = "gatewright/own-document", "gatewright/idle-upstreams"
FROM_PROVIDER = "gatewright/from-client-provider"
"""Annotations. `POLICY` is the key of an outbound policy, which has a binding for each upstream;
`OWN_DOCUMENT` the field that holds the API's own document; `FROM_PROVIDER` the client provider
whose values stand there, where another environment has its own; `IDLE` a route's upstreams of weight 0.
"""
EXPORTED = "gatewright/exported"
"""Of an ApiInstance: an ApiDetails of its name follows. A file without it ends too early."""
WITH_END, WITHOUT_END = "2", "1"
"""What it says: whether the ApiDetails ends with a line `...`. Files of older releases have none."""


_KEPT = {
    "type": str,
    "isCloudHub": bool,
    "referencesUserDomain": bool,
    "muleVersion4OrAbove": bool,
    "wsdlConfig": object,
}
_KEPT_OF_ALL = {"providerId": str, "approvalMethod": str, "endpoint": dict}


def _kept(extra: dict[str, Any]) -> dict[str, Any]:
    """What REST keeps of an instance and gives back as it was: nothing else can be told again."""
    for known, told in ((_KEPT_OF_ALL, extra), (_KEPT, extra.get("endpoint") or {})):
        for name, value in told.items():
            if name not in known:
                raise ValueError(f"{name[:60]} is not a known field")
            if not isinstance(value, known[name]) and (value is not None or name == "endpoint"):
                raise ValueError(f"{name} is of another type")
            if isinstance(value, str) and len(value) > 255:
                raise ValueError(f"{name} is longer than 255 characters")
    return extra


class ListedPolicy(PolicyPart):
    """A disabled one, or an outbound one for upstreams to which no route leads. `order` as in a binding."""

    order: int = Field(1, ge=0, le=100_000)


class Details(Model):
    """The `spec` of an ApiDetails: what no gateway is told."""

    format: int = FORMAT
    asset: AssetPart
    label: Text = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = Field((), max_length=20)
    consumer_endpoint: str = Field("", max_length=200)
    is_deprecated: bool = Field(False, alias="deprecated")
    extra: Annotated[dict[str, Any], AfterValidator(_kept)] = {}
    upstreams: tuple[UpstreamPart, ...] = Field((), max_length=MOST_UPSTREAMS)
    policies: tuple[ListedPolicy, ...] = Field((), max_length=MOST_POLICIES)
    tiers: tuple[TierPart, ...] = Field((), max_length=MOST_TIERS)
    terms: str | None = Field(None, max_length=MOST_TERMS)
    alerts: tuple[dict[str, Any], ...] = Field((), max_length=MOST_ALERTS)
    tests: tuple[dict[str, Any], ...] = Field((), max_length=100)
    muted: tuple[MutedPart, ...] = Field((), max_length=MOST_MUTED)
    secrets: tuple[str, ...] = Field((), max_length=5_000)
    document: DocumentPart | None = None
    without: tuple[Part, ...] = Field((), max_length=4)
    """Parts that who exported it may not see; nothing is said of them."""
