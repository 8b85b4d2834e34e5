"""The `Configuration` resources: what holds for the whole gateway."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from gateways.agent import ir
from gateways.agent import resources as r
from gateways.agent.faults import Fault, explained, fault
from gateways.agent.settings import LONGEST_SECONDS, SHORTEST_SECONDS


class Probe(r.Model):
    enabled: bool = False
    port: int = Field(3000, ge=1, le=65535)
    path: Literal["/probes/readiness"] = "/probes/readiness"

    def to_ir(self) -> dict[str, Any]:
        return {"probe_port": self.port if self.enabled else None}


class ProxyProtocol(r.Model):
    enabled: bool = False

    def to_ir(self) -> dict[str, Any]:
        return {"uses_proxy_protocol": self.enabled}


Seconds = Annotated[float, Field(ge=SHORTEST_SECONDS, le=LONGEST_SECONDS)]


class Timeouts(r.Model):
    upstream_connection_idle_seconds: Seconds | None = None
    upstream_response_seconds: Seconds | None = None
    stream_idle_seconds: Seconds | None = None

    def to_ir(self) -> dict[str, Any]:
        return {
            "upstream_idle_seconds": self.upstream_connection_idle_seconds,
            "upstream_response_seconds": self.upstream_response_seconds,
            "stream_idle_seconds": self.stream_idle_seconds,
        }


_PARTS: dict[str, type[Probe] | type[ProxyProtocol] | type[Timeouts]] = {
    "probe": Probe,
    "proxyProtocol": ProxyProtocol,
    "timeouts": Timeouts,
}
_V1BETA1 = ("circuitBreaker", "tracing")
_SILENT = ("platformConnection",)


def read(resources: Sequence[r.AnyResource]) -> tuple[ir.Gateway, list[Fault]]:
    """A gateway without APIs, and what is wrong with the settings; a faulty one is left out."""
    gateway, faults = ir.Gateway(), list[Fault]()
    for resource in resources:
        if not isinstance(resource, r.Configuration):
            continue
        name, value = resource.spec.part
        if name in _V1BETA1 and not resource.api_version.endswith("v1beta1"):
            faults.append(fault(resource, ("apiVersion",), f"{name} needs gateway.mulesoft.com/v1beta1"))
        elif name in _PARTS:
            try:
                gateway = replace(gateway, **_PARTS[name].model_validate(value).to_ir())
            except ValidationError as error:
                path = ("spec", name)
                faults += [fault(resource, (*path, *where), text) for where, text in explained(error)]
        elif name not in _SILENT:
            message = f"{name} is not supported yet; ignored"
            faults.append(fault(resource, ("spec", name), message, is_warning=True))
    return gateway, faults
