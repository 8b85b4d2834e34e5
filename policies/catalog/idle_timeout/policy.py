"""Upstream Idle Timeout: how long a connection to an upstream is kept while no request is on it."""

from pydantic import Field

from policies.compiled import TYPE_URL, Compiled, Scope
from policies.policy import Category, Phase, Policy, PolicyConfig

NAME = "idle-timeout"
DAY_SECONDS = 86_400
_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


class Config(PolicyConfig):
    timeout: float = Field(
        60,
        ge=0.1,
        le=10 * DAY_SECONDS,
        allow_inf_nan=False,
        title="Timeout, in seconds",
        description="Closes a connection to the upstream that no request has used for so long. A little less"
        " than the upstream's own keeps it from closing one just as a request is sent.",
    )


def compile(config: Config, scope: Scope) -> Compiled:
    idle = {"idle_timeout": f"{config.timeout:.3f}s"}
    options = {"@type": TYPE_URL + _HTTP, "common_http_protocol_options": idle}
    return Compiled(cluster={"typed_extension_protocol_options": {_HTTP: options}})


POLICY = Policy(
    name=NAME,
    title="Upstream Idle Timeout",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.LIMIT,
    summary="Closes connections to an upstream that no request has used for a while.",
    version="1.0.0",
    config=Config,
    compile=compile,
    aliases=("idle-timeout-flex", "upstream-idle-timeout", "upstream-idle-timeout-flex"),
    is_resource_level=False,
    is_outbound=True,
    says_setting="timeouts.idleInMilliseconds",
    is_applied_once=True,
    icon="timer",
)
