"""A client's grant to call an API, as policies look it up."""

import hashlib
import math
from dataclasses import dataclass, field

MOST = 50_000
"""Contracts of one gateway."""
LONGEST_NAME, MOST_LIMITS, MOST_SECRETS = 255, 8, 2
NEVER = math.inf


@dataclass(frozen=True)
class Limit:
    maximum: int
    period_ms: int


@dataclass(frozen=True)
class HashedSecret:
    """Its SHA-256, and until when it counts, in seconds of the epoch."""

    digest: bytes = field(repr=False)
    until: float = NEVER


@dataclass(frozen=True)
class Contract:
    """`name` and `api` are "namespace/name" of their resources; requests are counted by the first.

    `application` is what the client is called, in refusals and by later policies; `label` by what its
    requests are counted, where that is not its name. `limits` are those of its tier; none means that it has
    no tier. Without secrets it lets nobody pass where one is asked for; from `until` on, nobody at all.
    """

    name: str
    api: str
    client_id: str
    secrets: tuple[HashedSecret, ...]
    application: str
    limits: tuple[Limit, ...] = ()
    until: float = NEVER
    label: str = ""


def plain(secret: str | None) -> tuple[HashedSecret, ...]:
    """The secrets of a contract that has this one, or none."""
    return () if secret is None else (HashedSecret(hashlib.sha256(secret.encode()).digest()),)
