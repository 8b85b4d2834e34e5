"""Traffic Mirroring: a copy of the requests goes to another server, whose answers nobody waits for."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from policies.compiled import Compiled, Scope
from policies.envoy.cluster import Patience, cluster
from policies.fields import urls
from policies.fields.shares import Percent, fraction
from policies.policy import Category, Phase, Policy, PolicyConfig, fault

NAME = "traffic-mirroring"
CONNECT_MS = 1000
PATIENCE = Patience(stall_ms=1000, most_seconds=30)
"""Envoy takes a body from its caller no faster than both servers take it."""


def _plain(uri: str) -> str:
    return uri.replace("h2://", "http://", 1) if uri.startswith("h2://") else uri


def _checked(uri: str) -> str:
    urls.split(_plain(uri))
    return uri


class Config(PolicyConfig):
    uri: Annotated[str, AfterValidator(_checked)] = Field(
        title="Server",
        description="Scheme, host and port of who gets the copies: https://staging.internal:8443. With h2://"
        " they are sent in HTTP/2, as gRPC needs.",
    )
    percentage: Percent = Field(
        100, gt=0, title="Share, in percent", description="Of how many requests a copy is sent."
    )

    @model_validator(mode="after")
    def _is_a_server(self) -> Self:
        at = urls.split(_plain(self.uri))
        if at.path not in ("", "/") or at.query:
            raise fault("uri", "write scheme, host and port alone: a copy has the upstream's path")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    is_http2 = config.uri.startswith("h2://")
    server = cluster(
        scope, _plain(config.uri), connect_ms=CONNECT_MS, http2=is_http2, agrees=True, patience=PATIENCE
    )
    mirror = {
        "cluster": server.name,
        "runtime_fraction": {"default_value": fraction(config.percentage)},
        "disable_shadow_host_suffix_append": True,
    }
    return Compiled(route_action={"request_mirror_policies": [mirror]}, clusters=(server,))


POLICY = Policy(
    name=NAME,
    title="Traffic Mirroring",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.LOG,
    summary="Sends a copy of the requests to another server, whose answers are thrown away.",
    version="1.0.0",
    config=Config,
    compile=compile,
    aliases=("traffic-mirroring-flex",),
    is_resource_level=False,
    icon="copy",
)
