"""Response Timeout: how long an upstream may take to begin its answer."""

from pydantic import Field

from policies.compiled import Compiled, Scope
from policies.policy import Category, Phase, Policy, PolicyConfig

NAME = "response-timeout"
DAY_SECONDS = 86_400


class Config(PolicyConfig):
    timeout: float = Field(
        15,
        ge=0.001,
        le=10 * DAY_SECONDS,
        allow_inf_nan=False,
        title="Timeout, in seconds",
        description="Answers 504 where an upstream has not begun its answer so long after the end of the"
        " request. Of several, and the API's own setting, the shortest holds.",
    )


def compile(config: Config, scope: Scope) -> Compiled:
    return Compiled(response_seconds=config.timeout)


POLICY = Policy(
    name=NAME,
    title="Response Timeout",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.LIMIT,
    summary="Answers 504 where an upstream does not begin its answer in time.",
    version="1.0.0",
    config=Config,
    compile=compile,
    aliases=("response-timeout-flex",),
    carries_setting="responseTimeout",
    unobservable="Analytics tells how long answers take",
    is_resource_level=False,
    icon="timer",
)
