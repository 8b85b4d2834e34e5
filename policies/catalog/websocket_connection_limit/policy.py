"""WebSocket Connection Limit: how many WebSocket connections an API has open at the same time."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import Field

from policies.catalog.websocket_connection_limit import connections
from policies.expression.lua import Value
from policies.memory import place
from policies.policy import Advice, Category, Compiled, Phase, Policy, PolicyConfig, Scope
from policies.scripting.script import script

NAME = "websocket-connection-limit"
MOST = 10_000
_FILES = [place.LUA, connections.LUA, Path(__file__).with_name("policy.lua")]
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
        description="Needs shared storage, which this gateway has not for connections: each replica counts "
        "its own.",
        json_schema_extra={"advanced": True},
    )


def compile(config: Config, scope: Scope) -> Compiled:
    settings: dict[str, Value] = {
        "binding": scope.binding,
        "maximum": config.maximum_connections,
        "memory": connections.settings(scope.state),
        "observes": bool(scope.observed_as),
    }
    made = script(scope, NAME, _FILES, settings, sees_response=True)
    return Compiled((replace(made, only_if=_UPGRADE),))


def advice(config: Config) -> Iterator[Advice]:
    if config.distributed:
        reason = "does nothing yet: each replica counts its own, and lets as many through"
        yield Advice("distributed", reason)


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
    advice=advice,
    refuses=True,
    icon="plug",
)
