"""Fault Injection: delays or ends a share of the requests, to see how callers bear it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from policies.compiled import TYPE_URL, Compiled, Filter, Scope, Script
from policies.fields.shares import Percent, fraction
from policies.policy import Category, Phase, Policy, PolicyConfig, fault
from policies.scripting.script import script
from policies.traits import Advice, Refusal

NAME = "fault-injection"
HOUR_MS = 3600 * 1000
_OBSERVED = Path(__file__).with_name("observed.lua")


class Config(PolicyConfig):
    abort_percentage: Percent = Field(
        0, title="Ended requests, in percent", description="The share of requests that is answered at once."
    )
    abort_status: int = Field(
        503,
        ge=200,
        le=599,
        title="Their status",
        description="What they are answered with.",
    )
    delay_percentage: Percent = Field(
        0, title="Delayed requests, in percent", description="The share of requests that waits."
    )
    delay_in_milliseconds: int = Field(
        1000,
        ge=1,
        le=HOUR_MS,
        title="Their delay",
        description="How long they wait before they go on, or are ended.",
        json_schema_extra={"format": "duration-ms", "examples": [100, 1000, 5000]},
    )
    maximum_active_faults: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        title="Faults at the same time",
        description="More requests than so many are left alone. Those of the gateway's other APIs count, too."
        " Empty: no limit.",
        json_schema_extra={"advanced": True},
    )

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.abort_percentage and not self.delay_percentage:
            raise fault("abortPercentage", "end or delay a share of the requests, above 0")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    if scope.observed_as:
        return Compiled((_observed(config, scope),))
    typed: dict[str, Any] = {"@type": TYPE_URL + "envoy.extensions.filters.http.fault.v3.HTTPFault"}
    typed["disable_downstream_cluster_stats"] = True
    if config.abort_percentage:
        share = fraction(config.abort_percentage)
        typed["abort"] = {"http_status": config.abort_status, "percentage": share}
    if config.delay_percentage:
        seconds = f"{config.delay_in_milliseconds / 1000:g}s"
        typed["delay"] = {"fixed_delay": seconds, "percentage": fraction(config.delay_percentage)}
    if config.maximum_active_faults:
        typed["max_active_faults"] = config.maximum_active_faults
    return Compiled((Filter(scope.binding, typed),))


def _observed(config: Config, scope: Scope) -> Script:
    settings = {
        "ended": config.abort_percentage,
        "status": config.abort_status,
        "delayed": config.delay_percentage,
        "delay": config.delay_in_milliseconds,
    }
    return script(scope, NAME, [_OBSERVED], settings)


def advice(config: Config) -> Iterator[Advice]:
    usual = Config.model_fields
    if not config.abort_percentage and config.abort_status != usual["abort_status"].default:
        yield Advice("abortStatus", "does nothing while no request is ended")
    if not config.delay_percentage and config.delay_in_milliseconds != usual["delay_in_milliseconds"].default:
        yield Advice("delayInMilliseconds", "does nothing while no request is delayed")


POLICY = Policy(
    name=NAME,
    title="Fault Injection",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.TRANSFORM,
    summary="Delays or ends a share of the requests, to try how callers bear it.",
    version="1.0.0",
    config=Config,
    compile=compile,
    advice=advice,
    aliases=("fault-injection-flex",),
    refusals=(Refusal(r"^fault_filter_abort$", "fault: the request was ended on purpose, with {status}"),),
    refuses=True,
    icon="plug-zap",
)
