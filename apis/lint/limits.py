"""Limits that can never refuse, since another one before always does; said only where it is certain."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from apis.lint.finding import Finding
from apis.lint.subject import Running
from console.forms import durations

RATE, SPIKE = "rate-limiting", "spike-control"


@dataclass(frozen=True)
class Limit:
    """`key` is the expression that requests are counted by, "" for one count."""

    requests: int
    period_ms: int
    key: str
    is_shared: bool
    is_certain: bool
    """Whether it holds where its counter cannot be read, too."""

    @property
    def words(self) -> str:
        return f"{self.requests} in {durations.words(self.period_ms, 'ms')}"

    def leaves_nothing_to(self, other: "Limit") -> bool:
        """Whether of the requests that pass this limit the other one surely never refuses any.

        Windows may begin anywhere: one of the other meets as many of ours as fit into it, and one more.
        """
        counts_the_same = self.key in ("", other.key) and (self.is_shared or not other.is_shared)
        if not (counts_the_same and self.is_certain):
            return False
        return other.requests >= self.requests * (math.ceil(other.period_ms / self.period_ms) + 1)


def findings(running: list[Running]) -> Iterator[Finding]:
    known = [(one, limits_of(one)) for one in running]
    for at, (one, own) in enumerate(known):
        before = [
            (f"{other.policy.title} before it", limit)
            for other, theirs in known[:at]
            if other.is_enforced and _covers(other, one)
            for limit in theirs
        ]
        for number, limit in enumerate(own):
            others = [
                ("another limit of it", each)
                for other, each in enumerate(own)
                if other != number and _is_stricter(each, limit, comes_first=other < number)
            ]
            others += [(who, each) for who, each in before if each.leaves_nothing_to(limit)]
            if others:
                who, each = others[0]
                text = f"never refuses by {limit.words}: {who} lets {each.words} pass"
                yield Finding("limit-never-fires", one.place, text)


def is_shared_by_all(one: Running) -> bool:
    """Whether all callers have one count."""
    return bool(own := limits_of(one)) and all(limit.key == "" for limit in own)


def limits_of(one: Running) -> list[Limit]:
    config: Any = one.config
    if one.policy.name == SPIKE:
        return [Limit(config.maximum_requests, config.time_period_in_milliseconds, "", False, True)]
    if one.policy.name != RATE:
        return []
    key = config.key_selector.text.strip() if config.key_selector else ""
    return [
        Limit(
            limit.maximum_requests,
            limit.time_period_in_milliseconds,
            key,
            config.clusterizable,
            config.block_on_unknown_quota,
        )
        for limit in config.rate_limits
    ]


def _covers(one: Running, other: Running) -> bool:
    """Whether the first policy surely sees all that the other does."""
    return not one.binding.conditions or one.binding.conditions == other.binding.conditions


def _is_stricter(one: Limit, other: Limit, *, comes_first: bool) -> bool:
    """Of two limits of one policy over the same time only the stricter counts; of equal ones, the first."""
    if one.period_ms == other.period_ms:
        return one.requests < other.requests or (one.requests == other.requests and comes_first)
    return one.leaves_nothing_to(other)
