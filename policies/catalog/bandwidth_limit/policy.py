"""Bandwidth Limit: how fast bodies flow to and from the upstream."""

from typing import Any, Self

from pydantic import Field, model_validator

from policies.compiled import TYPE_URL, Compiled, Filter, Scope
from policies.policy import Category, Phase, Policy, PolicyConfig, fault

NAME = "bandwidth-limit"
MOST_KIB = 10 * 1024 * 1024
FILL_SECONDS = 0.05
_BANDWIDTH = TYPE_URL + "envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit"


class Config(PolicyConfig):
    request_kibibytes_per_second: int | None = Field(
        None,
        ge=1,
        le=MOST_KIB,
        title="Requests, KiB/s",
        description="What the bodies of all requests together may flow with. Empty: no limit.",
    )
    response_kibibytes_per_second: int | None = Field(
        None,
        ge=1,
        le=MOST_KIB,
        title="Responses, KiB/s",
        description="What the bodies of all responses together may flow with. Empty: no limit.",
    )

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.request_kibibytes_per_second is None and self.response_kibibytes_per_second is None:
            raise fault("responseKibibytesPerSecond", "limit requests, responses or both")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    """A direction is a filter of its own: Envoy's has one limit for both."""
    limits = {
        "REQUEST": config.request_kibibytes_per_second,
        "RESPONSE": config.response_kibibytes_per_second,
    }
    return Compiled(
        kept=tuple(
            Filter(f"{scope.binding}/{mode.lower()}", _limit(mode, limit))
            for mode, limit in limits.items()
            if limit
        )
    )


def _limit(mode: str, kibibytes: int) -> dict[str, Any]:
    return {
        "@type": _BANDWIDTH,
        "stat_prefix": "bandwidth",
        "enable_mode": mode,
        "limit_kbps": kibibytes,
        "fill_interval": f"{FILL_SECONDS}s",
    }


POLICY = Policy(
    name=NAME,
    title="Bandwidth Limit",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.LIMIT,
    summary="Slows bodies down to a number of KiB a second, for all callers together.",
    version="1.0.0",
    config=Config,
    compile=compile,
    aliases=("bandwidth-limit-flex",),
    icon="gauge",
    acts_on_responses=lambda config: config.response_kibibytes_per_second is not None,
)
