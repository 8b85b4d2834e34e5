"""A client's grant to call an API, as policies look it up."""

from dataclasses import dataclass, field

MOST = 50_000
"""Contracts of one gateway."""
LONGEST_ID, LONGEST_SECRET, LONGEST_NAME, MOST_LIMITS = 255, 255, 255, 8


@dataclass(frozen=True)
class Limit:
    maximum: int
    period_ms: int


@dataclass(frozen=True)
class Contract:
    """`name` and `api` are "namespace/name" of their resources; requests are counted by the first.

    `application` is what the client is called in logs and analytics. `limits` are those of its tier; none
    means that it has no tier.
    """

    name: str
    api: str
    client_id: str
    secret: str | None = field(repr=False)
    application: str
    limits: tuple[Limit, ...] = ()
