"""What a gateway should do, without a word of Envoy: frozen, resolved, in a fixed order.

`translate` makes it from resources; the xds modules turn it into Envoy's configuration.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

from gateways.protocol import networks
from gateways.protocol.rules import Rule
from gateways.protocol.shared_storage import SharedStorage
from gateways.protocol.spelling import Slashes
from gateways.protocol.upstream_settings import UpstreamSettings
from policies.envoy.breakers import Thresholds
from policies.policy import PolicyConfig

TrustedProxies = networks.TrustedProxies


@dataclass(frozen=True)
class InboundTls:
    """PEM texts and protocol limits of one port."""

    certificate: str
    key: str
    trusted_ca: str = ""
    requires_client_certificate: bool = False
    alpn: tuple[str, ...] = ("h2", "http/1.1")
    min_version: str = "1.2"
    max_version: str = "1.3"
    ciphers: tuple[str, ...] = ()


@dataclass(frozen=True)
class OutboundTls:
    """How an upstream is trusted: by the system's CAs where `trusted_ca` is empty."""

    skips_validation: bool = False
    trusted_ca: str = ""
    certificate: str = ""
    key: str = ""
    alpn: tuple[str, ...] = ()
    min_version: str = "1.2"
    max_version: str = "1.3"
    ciphers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listener:
    """A socket that requests arrive at; one port has one host and is TLS or not."""

    port: int
    host: str
    tls: InboundTls | None = None


@dataclass(frozen=True)
class Upstream:
    """A backend. `is_http2` is HTTP/2 whatever TLS agrees on; `policies` are outbound ones, in order."""

    service: str
    namespace: str
    host: str
    port: int
    tls: OutboundTls | None = None
    is_http2: bool = False
    policies: tuple["PolicyUse", ...] = field(default=(), repr=False)
    settings: UpstreamSettings = field(default=UpstreamSettings(), repr=False)

    @property
    def authority(self) -> str:
        """The Host header for it: with the port, unless that is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


@dataclass(frozen=True)
class WeightedTarget:
    """`weight` is a share of the sum of its route's weights; `destination_path` is "" or starts with "/"."""

    upstream: Upstream
    weight: int = 1
    destination_path: str = ""


@dataclass(frozen=True)
class Route:
    """Requests that match any of the rules go to one of the targets. No rules means every request."""

    label: str
    rules: tuple[Rule, ...]
    targets: tuple[WeightedTarget, ...]


@dataclass(frozen=True)
class PolicyUse:
    """A policy at work on one API. No conditions means every request; else any of them must match.

    One that `observes` refuses nothing: the access log tells what it would have refused.
    """

    policy: str
    binding: str
    config: PolicyConfig
    order: int = 50
    conditions: tuple[Rule, ...] = ()
    observes: bool = False


@dataclass(frozen=True)
class Api:
    """An API: `base_path` is "" or starts with "/" and has none at its end; routes and policies in order.

    `title` is what people know it by, for policies to say; "" where the resource has none but its name.
    """

    namespace: str
    name: str
    listener: Listener
    base_path: str
    routes: tuple[Route, ...]
    policies: tuple[PolicyUse, ...]
    title: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name

    @cached_property
    def upstreams(self) -> tuple[Upstream, ...]:
        return tuple(dict.fromkeys(target.upstream for route in self.routes for target in route.targets))

    def trusting(self, default: OutboundTls) -> "Api":
        """The same, where upstreams that have no trust of their own have this one. What has a tls-outbound
        names a CA, or takes any certificate.
        """

        def target(one: WeightedTarget) -> WeightedTarget:
            is_bare = one.upstream.tls == OutboundTls()
            return replace(one, upstream=replace(one.upstream, tls=default)) if is_bare else one

        routes = [replace(one, targets=tuple(map(target, one.targets))) for one in self.routes]
        return replace(self, routes=tuple(routes))


@dataclass(frozen=True)
class Gateway:
    """Everything that one gateway serves, and what holds for all of it."""

    apis: tuple[Api, ...] = ()
    uses_proxy_protocol: bool = False
    trusted: TrustedProxies = field(default_factory=TrustedProxies)
    probe_port: int | None = None
    upstream_idle_seconds: float | None = None
    upstream_response_seconds: float | None = None
    stream_idle_seconds: float | None = None
    slashes: Slashes | None = None
    shared_storage: SharedStorage | None = None
    thresholds: Thresholds | None = None
    most_apis: int | None = None
    most_policies: int | None = None
    default_tls: InboundTls | None = None
    """With which an https API is served that has no tls policy."""
    default_trust: OutboundTls | None = None
    """By which an https upstream is reached that has no tls-outbound."""
    challenges: tuple[tuple[str, str], ...] = ()
    """Of ACME: a token, and what a CA is answered who asks for it over HTTP."""

    @cached_property
    def listeners(self) -> tuple[Listener, ...]:
        """By port. Where several APIs share a port, the one that brings TLS decides."""
        found: dict[int, Listener] = {}
        for api in self.apis:
            known = found.get(api.listener.port)
            if known is None or (known.tls is None and api.listener.tls is not None):
                found[api.listener.port] = api.listener
        return tuple(found[port] for port in sorted(found))
