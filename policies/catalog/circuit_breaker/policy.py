"""Circuit Breaker: so much may be under way to an upstream at the same time; the rest gets 503."""

from typing import Self

from pydantic import Field, model_validator

from policies.compiled import Compiled, Scope
from policies.envoy.breakers import Thresholds, circuit_breakers
from policies.policy import Category, Phase, Policy, PolicyConfig, fault

NAME = "circuit-breaker"


class Config(PolicyConfig):
    thresholds: Thresholds = Field(
        title="Thresholds",
        description="What is beyond one is answered with 503 at once. Each replica counts for itself.",
    )

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if all(value is None for value in self.thresholds.model_dump().values()):
            raise fault("thresholds", "set at least one of them")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    return Compiled(cluster={"circuit_breakers": circuit_breakers(**config.thresholds.model_dump())})


POLICY = Policy(
    name=NAME,
    title="Circuit Breaker",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.LIMIT,
    summary="Bounds the connections, requests and retries to an upstream, and answers 503 beyond.",
    version="1.0.1",
    config=Config,
    compile=compile,
    aliases=("circuit-breaker-flex",),
    unobservable="Envoy does not tell what a higher threshold would have let through",
    is_resource_level=False,
    is_outbound=True,
    says_setting="limits",
    is_applied_once=True,
    icon="plug-zap",
)
