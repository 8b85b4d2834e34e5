"""What a person or a client wants an API instance to be, before it is checked and saved."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from apis.assets.models import Asset
from apis.documents.specification import Specification
from apis.models import ApiInstance, Route, RouteUpstream, TlsContext
from gateways.models import Gateway
from gateways.protocol.upstream_settings import USUAL, UpstreamSettings


@dataclass(frozen=True)
class DesiredUpstream:
    """`id` names an upstream that the API already has; without it one of the same URI and label is kept."""

    uri: str
    label: str = ""
    weight: int = 100
    id: UUID | None = None
    tls_context: TlsContext | None = None
    settings: UpstreamSettings = USUAL

    @property
    def key(self) -> str:
        """Its id as text; "" where it has none yet."""
        return str(self.id or "")


@dataclass(frozen=True)
class DesiredRoute:
    """Every rule is an RE2 expression; an empty one matches anything."""

    label: str = ""
    methods: str = ""
    path: str = ""
    host: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    upstreams: tuple[DesiredUpstream, ...] | list[DesiredUpstream] = ()


@dataclass(frozen=True)
class NewAsset:
    """An asset that does not exist yet; an empty `asset_id` is made from the name."""

    name: str
    asset_id: str = ""
    version: str = "1.0.0"
    api_version: str = "v1"
    type: str = Asset.Type.HTTP
    specification: Specification | None = None


@dataclass(frozen=True)
class DesiredApi:
    asset: Asset | NewAsset
    gateway: Gateway | None = None
    protocol: str = ApiInstance.Protocol.HTTP
    port: int = 8081
    base_path: str = "/"
    tls_context: TlsContext | None = None
    label: str = ""
    consumer_endpoint: str = ""
    description: str = ""
    tags: tuple[str, ...] | list[str] = ()
    response_timeout_ms: int | str | None = None
    routes: tuple[DesiredRoute, ...] | list[DesiredRoute] = ()


def settings_of(routes: Sequence[DesiredRoute]) -> list[tuple[UUID | None, UpstreamSettings]]:
    """What each upstream of the routes is told, by its id."""
    return [(one.id, one.settings) for route in routes for one in route.upstreams]


def desired_of(api: ApiInstance) -> DesiredApi:
    """What would save the API as it is: an edit starts from it."""
    routes = api.routes.prefetch_related("targets__upstream__tls_context")
    return DesiredApi(
        asset=api.asset,
        gateway=api.gateway,
        protocol=api.protocol,
        port=api.port,
        base_path=api.base_path,
        tls_context=api.tls_context,
        label=api.label,
        consumer_endpoint=api.consumer_endpoint,
        description=api.description,
        tags=tuple(api.tags),
        response_timeout_ms=api.response_timeout_ms,
        routes=desired_routes(routes),
    )


def desired_routes(routes: Iterable[Route]) -> tuple[DesiredRoute, ...]:
    """Of rows with their targets, upstreams and TLS contexts."""
    return tuple(
        DesiredRoute(
            label=route.label,
            methods=route.methods,
            path=route.path,
            host=route.host,
            headers=dict(route.headers),
            upstreams=tuple(_upstream(target) for target in route.targets.all()),
        )
        for route in routes
    )


def _upstream(target: RouteUpstream) -> DesiredUpstream:
    row = target.upstream
    return DesiredUpstream(row.uri, row.label, target.weight, row.pk, row.tls_context, row.told)
