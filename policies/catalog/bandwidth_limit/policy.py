"""Bandwidth Limit: how fast bodies flow to and from the upstream."""

from typing import Any, Self

from pydantic import Field, model_validator

from policies.compiled import TYPE_URL, Compiled, Filter, Scope
from policies.policy import Category, Phase, Policy, PolicyConfig, fault

NAME = "bandwidth-limit"
MOST_KIB = 10 * 1024 * 1024
FILL_SECONDS = 0.05
_BANDWIDTH = TYPE_URL + "envoy.extensions.filters.http.bandwidth_share.v3.BandwidthShare"


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
    typed: dict[str, Any] = {"@type": _BANDWIDTH, "fill_interval": f"{FILL_SECONDS}s"}
    if config.request_kibibytes_per_second:
        typed["request_limit"] = _limit(scope, "request", config.request_kibibytes_per_second)
    if config.response_kibibytes_per_second:
        typed["response_limit"] = _limit(scope, "response", config.response_kibibytes_per_second)
    return Compiled(kept=(Filter(scope.binding, typed, counts_by_name=True),))


def _limit(scope: Scope, direction: str, kibibytes: int) -> dict[str, Any]:
    """Envoy takes no other limit under a name that it knows. Its runtime has the key never."""
    return {
        "bucket_id": f"{scope.binding}/{direction} {kibibytes}",
        "kbps": {"default_value": kibibytes, "runtime_key": "gatewright.bandwidth"},
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
