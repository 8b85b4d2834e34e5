"""Stream Idle Timeout: how long nothing may flow, in either direction, before a request is ended."""

from pydantic import Field

from policies.compiled import Compiled, Scope
from policies.policy import Category, Phase, Policy, PolicyConfig

NAME = "stream-idle-timeout"
DAY_SECONDS = 86_400


class Config(PolicyConfig):
    timeout: float = Field(
        300,
        ge=0.1,
        le=10 * DAY_SECONDS,
        allow_inf_nan=False,
        title="Timeout, in seconds",
        description="Ends a request or an answer of which nothing has flowed for so long.",
    )


def compile(config: Config, scope: Scope) -> Compiled:
    return Compiled(route_action={"idle_timeout": f"{config.timeout:.3f}s"})


POLICY = Policy(
    name=NAME,
    title="Stream Idle Timeout",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.LIMIT,
    summary="Ends requests and answers of which nothing flows any more.",
    version="1.0.0",
    config=Config,
    compile=compile,
    aliases=("stream-idle-timeout-flex",),
    unobservable="Envoy does not tell for how long nothing flowed",
    is_resource_level=False,
    icon="timer",
)
