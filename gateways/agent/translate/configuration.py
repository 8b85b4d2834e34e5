"""The `Configuration` resources: what holds for the whole gateway."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from gateways.agent.translate import ir, secrets, tls
from gateways.agent.translate.shared_storage import SharedStorage
from gateways.protocol import resources as r
from gateways.protocol.faults import Fault, Faulty, explained, fault
from gateways.protocol.networks import MOST_HOPS, MOST_NETWORKS, checked_network
from gateways.protocol.spelling import Slashes
from gateways.protocol.timeouts import LONGEST_SECONDS, SHORTEST_SECONDS
from policies.envoy.breakers import Thresholds


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


class TrustedProxies(r.Model):
    """A field of our own: Flex Gateway trusts every caller's word."""

    networks: Annotated[
        tuple[Annotated[str, AfterValidator(checked_network)], ...], Field(max_length=MOST_NETWORKS)
    ] = ()
    hops: int = Field(0, ge=0, le=MOST_HOPS)

    def to_ir(self) -> dict[str, Any]:
        return {"trusted": ir.TrustedProxies(self.networks, self.hops)}


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


class Paths(r.Model):
    slashes: Slashes

    def to_ir(self) -> dict[str, Any]:
        return {"slashes": self.slashes}


class CircuitBreaker(r.Model):
    """For every upstream, each by itself; where it says something itself, that counts."""

    thresholds: Thresholds

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.thresholds == Thresholds():
            raise ValueError("thresholds: set at least one of them")
        return self

    def to_ir(self) -> dict[str, Any]:
        return {"thresholds": self.thresholds}


class ResourceLimits(r.Model):
    """What is beyond them is refused, in the order of the resources."""

    api_instances: int | None = Field(None, ge=1)
    policies: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.api_instances is None and self.policies is None:
            raise ValueError("set apiInstances or policies")
        return self

    def to_ir(self) -> dict[str, Any]:
        return {"most_apis": self.api_instances, "most_policies": self.policies}


class DefaultTls(r.Model):
    """As the policies tls and tls-outbound have it, for what has no such policy of its own."""

    inbound: tls.InboundConfig | None = None
    outbound: tls.OutboundConfig | None = None
    outbound_policy_calls: dict[str, Any] | None = None
    """Flex Gateway's: what policies ask the network is asked with the trust of the machine."""

    def to_ir(self) -> dict[str, Any]:
        return {
            "default_tls": self.inbound.to_ir() if self.inbound else None,
            "default_trust": self.outbound.to_ir() if self.outbound else None,
        }


class Challenge(r.Model):
    """Of RFC 8555, 8.3: both are of the alphabet of base64url."""

    token: str = Field(pattern=r"^[A-Za-z0-9_-]{16,256}$")
    answer: str = Field(pattern=r"^[A-Za-z0-9_.-]{16,512}$")


class AcmeChallenges(r.Model):
    challenges: tuple[Challenge, ...] = Field(max_length=500)

    def to_ir(self) -> dict[str, Any]:
        return {"challenges": tuple((one.token, one.answer) for one in self.challenges)}


class ConfigurationSection(Protocol):
    """The model of what stands under one name."""

    def to_ir(self) -> dict[str, Any]:
        """Fields of `ir.Gateway`."""
        ...

    @classmethod
    def model_validate(cls, obj: Any) -> Self: ...


_PARTS: dict[str, type[ConfigurationSection]] = {
    "acmeChallenges": AcmeChallenges,
    "circuitBreaker": CircuitBreaker,
    "defaultTLS": DefaultTls,
    "paths": Paths,
    "probe": Probe,
    "proxyProtocol": ProxyProtocol,
    "resourceLimits": ResourceLimits,
    "sharedStorage": SharedStorage,
    "timeouts": Timeouts,
    "trustedProxies": TrustedProxies,
}
_V1BETA1 = ("circuitBreaker", "tracing")
_WITHOUT_EFFECT = {"defaultTLS": "outboundPolicyCalls"}
_SILENT = ("platformConnection",)


def read(resources: Sequence[r.AnyResource], trusted: ir.TrustedProxies) -> tuple[ir.Gateway, list[Fault]]:
    """A gateway without APIs, and what is wrong with the settings; a faulty one is left out.

    `trusted` counts where no resource says whose word is taken.
    """
    gateway, faults = ir.Gateway(trusted=trusted), list[Fault]()
    sound: dict[str, r.Configuration] = {}
    for resource in resources:
        if not isinstance(resource, r.Configuration):
            continue
        name, value = resource.spec.part
        if name in _V1BETA1 and not resource.api_version.endswith("v1beta1"):
            faults.append(fault(resource, ("apiVersion",), f"{name} needs gatewright.dev/v1beta1"))
        elif name in sound:
            message = f"is set by Configuration {sound[name].metadata.name} already; left out"
            faults.append(fault(resource, ("spec", name), message))
        elif name in _PARTS:
            try:
                secrets.check(resource, ("spec", name), value)
                gateway = replace(gateway, **_PARTS[name].model_validate(value).to_ir())
                sound[name] = resource
                if (part := _WITHOUT_EFFECT.get(name)) and part in value:
                    message = f"{part} has no effect: policies' calls trust the CAs of the machine"
                    faults.append(fault(resource, ("spec", name, part), message, is_warning=True))
            except ValidationError as error:
                told = explained(error, _PARTS[name])
                faults += [fault(resource, ("spec", name, *where), text) for where, text in told]
            except Faulty as error:
                faults += error.faults
        elif name not in _SILENT:
            message = f"{name} is not supported yet; ignored"
            faults.append(fault(resource, ("spec", name), message, is_warning=True))
    return _judged(gateway, sound, faults), faults


def _judged(gateway: ir.Gateway, sound: Mapping[str, r.Configuration], faults: list[Fault]) -> ir.Gateway:
    """What the settings are together: the PROXY protocol is taken from trusted proxies alone."""
    trusted = gateway.trusted
    if trusted.hops and not trusted.networks and "trustedProxies" in sound:
        message = "believes everybody who connects; add networks unless proxies alone reach the gateway"
        path = ("spec", "trustedProxies", "hops")
        faults.append(fault(sound["trustedProxies"], path, message, is_warning=True))
    if gateway.uses_proxy_protocol and not (trusted.networks or trusted.hops):
        message = "whose word is taken? Name the proxies in a Configuration with trustedProxies; left out"
        faults.append(fault(sound["proxyProtocol"], ("spec", "proxyProtocol", "enabled"), message))
        return replace(gateway, uses_proxy_protocol=False)
    return gateway
