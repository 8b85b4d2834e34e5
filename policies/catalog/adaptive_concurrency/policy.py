"""Adaptive Concurrency: as many requests at the same time as the upstream bears without slowing down."""

from collections.abc import Iterator

from pydantic import Field

from policies.compiled import TYPE_URL, Compiled, Filter, Scope
from policies.fields.shares import Percent
from policies.policy import Category, Phase, Policy, PolicyConfig
from policies.traits import Advice, Refusal

NAME = "adaptive-concurrency"
_ADAPTIVE = TYPE_URL + "envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency"


class Config(PolicyConfig):
    maximum_concurrency: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        title="At most at the same time",
        description="The limit is never raised above so many requests.",
    )
    minimum_concurrency: int = Field(
        3,
        ge=1,
        le=1_000_000,
        title="At least at the same time",
        description="So many requests pass while the upstream's own speed is measured.",
    )
    percentile: Percent = Field(
        50,
        gt=0,
        title="Percentile of response times",
        description="Which response time is compared with the upstream's own speed: 50 is the median.",
    )
    update_interval_in_milliseconds: int = Field(
        100,
        ge=10,
        le=60_000,
        title="A new limit every",
        description="How often the limit is set anew from the response times since.",
        json_schema_extra={"format": "duration-ms", "advanced": True},
    )
    measure_interval_in_milliseconds: int = Field(
        60_000,
        ge=1000,
        le=3_600_000,
        title="Measure the upstream every",
        description="How often the upstream's own speed is measured, with few requests at the same time.",
        json_schema_extra={"format": "duration-ms", "advanced": True},
    )
    measure_requests: int = Field(
        50,
        ge=1,
        le=10_000,
        title="Measure with so many requests",
        description="Of so many requests the upstream's own speed is taken.",
        json_schema_extra={"advanced": True},
    )


def compile(config: Config, scope: Scope) -> Compiled:
    controller = {
        "sample_aggregate_percentile": {"value": config.percentile},
        "concurrency_limit_params": {
            "max_concurrency_limit": config.maximum_concurrency,
            "concurrency_update_interval": f"{config.update_interval_in_milliseconds / 1000:g}s",
        },
        "min_rtt_calc_params": {
            "interval": f"{config.measure_interval_in_milliseconds / 1000:g}s",
            "request_count": config.measure_requests,
            "min_concurrency": config.minimum_concurrency,
            "jitter": {"value": 10},
        },
    }
    typed = {
        "@type": _ADAPTIVE,
        "gradient_controller_config": controller,
        "enabled": {"default_value": True, "runtime_key": "gatewright.adaptive_concurrency"},
    }
    return Compiled(kept=(Filter(scope.binding, typed),))


def advice(config: Config) -> Iterator[Advice]:
    if config.minimum_concurrency > config.maximum_concurrency:
        most = config.maximum_concurrency
        yield Advice("minimumConcurrency", f"is above the {most} that pass at most")


POLICY = Policy(
    name=NAME,
    title="Adaptive Concurrency",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.LIMIT,
    summary="Lets as many requests through at the same time as the upstream bears without slowing down.",
    version="1.0.0",
    config=Config,
    compile=compile,
    advice=advice,
    aliases=("adaptive-concurrency-flex",),
    refusals=(
        Refusal(r"^reached_concurrency_limit$", "concurrency: the upstream bears no more at the same time"),
    ),
    unobservable="the limit is learned from requests that are held to it",
    icon="activity",
)
