"""Retry: which requests are sent to their upstream again, when and how often."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from policies.compiled import Compiled, Scope
from policies.envoy.retrying import retry_policy
from policies.policy import Category, Phase, Policy, PolicyConfig, at_most, fault
from policies.traits import Advice

NAME = "retry"

Method = Literal["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "POST", "PATCH"]
Status = Annotated[int, Field(ge=400, le=599)]


class Config(PolicyConfig):
    maximum_retries: int = Field(
        2,
        ge=0,
        le=10,
        title="Retries at most",
        description="How often one request is sent again; 0 sends none again, not even what was lost with a"
        " connection.",
    )
    status_codes: Annotated[tuple[Status, ...], at_most(50, "status codes")] = Field(
        (502, 503, 504),
        title="Answers to try again",
        description="Status codes of the upstream after which a request is sent again. Empty: only what was"
        " lost without an answer is.",
    )
    methods: Annotated[tuple[Method, ...], at_most(20, "methods")] = Field(
        ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"),
        title="Methods",
        description="Of which requests. With POST or PATCH an upstream may do twice what was asked once.",
    )
    first_pause_in_milliseconds: int = Field(
        25,
        ge=1,
        le=10_000,
        title="First pause",
        description="About how long it waits before the first retry, chosen at random up to this; each"
        " further pause is up to twice as long.",
        json_schema_extra={"format": "duration-ms"},
    )
    longest_pause_in_milliseconds: int = Field(
        250,
        ge=1,
        le=60_000,
        title="Longest pause",
        description="No pause is longer.",
        json_schema_extra={"format": "duration-ms"},
    )

    @model_validator(mode="after")
    def _can_act(self) -> Self:
        if self.longest_pause_in_milliseconds < self.first_pause_in_milliseconds:
            raise fault("longestPauseInMilliseconds", "is shorter than the first pause")
        if not self.methods:
            raise fault("methods", "name at least one; to send nothing again, set the retries to 0")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    return Compiled(route_action={"retry_policy": retry_policy(**config.model_dump())})


def advice(config: Config) -> Iterator[Advice]:
    if config.maximum_retries:
        return
    for name, field in Config.model_fields.items():
        if name != "maximum_retries" and getattr(config, name) != field.default:
            yield Advice(field.alias or name, "does nothing while no request is sent again")


POLICY = Policy(
    name=NAME,
    title="Retry",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.LIMIT,
    summary="Sends requests again that were lost, or that the upstream answered with an error.",
    version="1.0.0",
    config=Config,
    compile=compile,
    advice=advice,
    aliases=("retry-flex",),
    is_resource_level=False,
    is_applied_once=True,
    icon="refresh-cw",
)
