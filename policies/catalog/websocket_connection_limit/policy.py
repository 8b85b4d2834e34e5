"""WebSocket Connection Limit: how many WebSocket connections an API has open at the same time."""

from dataclasses import replace
from pathlib import Path

from pydantic import Field

from policies.compiled import Compiled, Scope
from policies.counting import connections
from policies.counting.opened import Connections
from policies.expression.lua import Value
from policies.memory import shared_file
from policies.policy import Category, Phase, Policy, PolicyConfig
from policies.scripting.script import script

NAME = "websocket-connection-limit"
MOST = 10_000
_FILES = [shared_file.LUA, connections.LUA, Path(__file__).with_name("policy.lua")]
_UPGRADE = {
    "single_predicate": {
        "input": {
            "name": "header",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                "header_name": "upgrade",
            },
        },
        "value_match": {"exact": "websocket", "ignore_case": True},
    }
}


class Config(PolicyConfig):
    maximum_connections: int = Field(
        100,
        ge=1,
        le=MOST,
        title="Connections at most",
        description="How many WebSocket connections may be open at the same time. Others do not count.",
    )
    distributed: bool = Field(
        False,
        title="Share among replicas",
        description="Replicas count together where the gateway has shared storage: what they let open above "
        "the limit is what opens within a tenth of a second. Otherwise each counts its own.",
    )


def compile(config: Config, scope: Scope) -> Compiled:
    shares = config.distributed and scope.shares_counts
    settings: dict[str, Value] = {
        "binding": scope.binding,
        "maximum": config.maximum_connections,
        "memory": connections.settings(scope.state, shared_as=scope.binding if shares else ""),
        "observes": bool(scope.observed_as),
    }
    made = script(scope, NAME, _FILES, settings, sees_response=True)
    return Compiled((replace(made, only_if=_UPGRADE),))


POLICY = Policy(
    name=NAME,
    title="WebSocket Connection Limit",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.LIMIT,
    summary="Limits how many WebSocket connections are open at the same time.",
    version="1.0.0",
    config=Config,
    compile=compile,
    aliases=("websocket-connection-limit-flex",),
    prepare=connections.prepare,
    shares=Connections,
    distributes=lambda config: config.distributed,
    refuses=True,
    icon="plug",
    acts_on_responses=lambda config: True,
)
