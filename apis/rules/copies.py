"""What a copy of an API is otherwise than its origin, and what stands in the way of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from apis.assets.models import Asset
from apis.desired import DesiredApi, DesiredUpstream, NewAsset, desired_of
from apis.models import ApiInstance, RouteUpstream, TlsContext, Upstream
from apis.rules import instances as rules
from apis.rules import upstream_settings, upstream_uri
from apis.rules.problem import Problem
from console.models import Environment
from gateways.models import Gateway
from gateways.protocol.upstream_settings import UpstreamSettings

OF_UPSTREAM = ("uri", "label", "tls_context", "settings")
"""What is told of an upstream."""


@dataclass(frozen=True)
class Copy:
    """What the copy is otherwise than its origin.

    `upstreams` are by the ids of the origin's; one that is left out stays as it is. `secrets` are by the
    ids of the origin's policies, and by their paths; with `keeps_secrets` those that are not told are the
    origin's, as they always are within one environment.
    """

    environment: Environment
    asset: Asset | NewAsset
    gateway: Gateway | None
    port: int
    base_path: str
    protocol: str = ApiInstance.Protocol.HTTP
    tls_context: TlsContext | None = None
    label: str = ""
    consumer_endpoint: str = ""
    upstreams: Mapping[UUID, DesiredUpstream] = field(default_factory=dict)
    with_policies: bool = True
    with_tests: bool = True
    with_tiers: bool = True
    secrets: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    keeps_secrets: bool = False


def asset_in(api: ApiInstance, environment: Environment) -> Asset | NewAsset:
    """What a copy there is made of: the API's own asset where the organization may use it, else one of the
    same id and version there, else a new one like it.
    """
    asset, organization = api.asset, environment.organization
    if str(asset.organization_id) in organization.path.split("/"):
        return asset
    if found := organization.assets.filter(asset_id=asset.asset_id, version=asset.version).first():
        return found
    return NewAsset(
        asset.name, asset.asset_id, asset.version, asset.api_version, asset.type, asset.specification
    )


def tls_in(
    context: TlsContext | None, environment: Environment, known: Mapping[str, TlsContext]
) -> TlsContext | None:
    """The context itself in its own environment, in another one that of its name, if there is one."""
    if context is None or context.environment_id == environment.pk:
        return context
    return known.get(context.name)


def as_it_is(api: ApiInstance, environment: Environment) -> Copy:
    """Everything as far as it can be the same there; no gateway, unless it is the same environment."""
    is_here = environment.pk == api.environment_id
    known = {} if is_here else {one.name: one for one in environment.tls_contexts.all()}
    upstreams = {
        row.pk: DesiredUpstream(row.uri, row.label, tls_context=tls_in(row.tls_context, environment, known))
        for row in api.upstreams.select_related("tls_context")
    }
    return Copy(
        environment,
        asset_in(api, environment),
        api.gateway if is_here else None,
        api.port,
        api.base_path,
        api.protocol,
        tls_in(api.tls_context, environment, known),
        api.label,
        api.consumer_endpoint if is_here else "",
        upstreams,
    )


def desired(api: ApiInstance, copy: Copy) -> DesiredApi:
    """The copy as any new API is desired."""
    known = {row.pk: upstream(row, copy) for row in api.upstreams.select_related("tls_context")}
    was = desired_of(api)
    routes = [
        replace(route, upstreams=[as_in(known[one.id], one) for one in route.upstreams if one.id])
        for route in was.routes
    ]
    told = ("asset", "gateway", "protocol", "port", "base_path", "tls_context", "label", "consumer_endpoint")
    return replace(was, routes=routes, **{name: getattr(copy, name) for name in told})


def problems(api: ApiInstance, copy: Copy) -> Iterator[Problem]:
    wanted = desired(api, copy)
    places = {
        f"routes.{at}.upstreams.{place}": str(upstream.id)
        for at, route in enumerate(desired_of(api).routes)
        for place, upstream in enumerate(route.upstreams)
    }
    seen: set[tuple[str, str]] = set()
    for problem in rules.problems(copy.environment, wanted):
        before, _, last = problem.field.rpartition(".")
        name = f"upstreams.{places[before]}.{last}" if before in places else problem.field
        # An upstream of several routes is told of once.
        if (name, problem.message) not in seen:
            seen.add((name, problem.message))
            yield Problem(name, problem.message, problem.code)
    unrouted = api.upstreams.exclude(pk__in=RouteUpstream.objects.filter(route__api=api).values("upstream"))
    for row in unrouted.select_related("tls_context"):
        for problem in rules.upstream_problems(copy.environment, upstream(row, copy)):
            yield replace(problem, field=f"upstreams.{row.pk}.{problem.field}")


def upstream(row: Upstream, copy: Copy) -> DesiredUpstream:
    """What an upstream of the origin is in the copy."""
    told = copy.upstreams.get(row.pk)
    context = told.tls_context if told else tls_in(row.tls_context, copy.environment, {})
    uri, label = (told.uri, told.label) if told else (row.uri, row.label)
    return DesiredUpstream(uri, label, tls_context=context, settings=_settings(row, uri))


def as_in(wanted: DesiredUpstream, was: DesiredUpstream) -> DesiredUpstream:
    """With all that the route says of it, and what a later release knows of upstreams."""
    return replace(was, id=None, **{name: getattr(wanted, name) for name in OF_UPSTREAM})


def _settings(row: Upstream, uri: str) -> UpstreamSettings:
    """The origin's; its hosts only at its own address, since they are that one's. Elsewhere what cannot act
    without them goes too: the copy could not be made, and its form has nothing to mend it by.
    """
    if upstream_uri.fault(uri) or upstream_uri.read(uri).address == upstream_uri.read(row.uri).address:
        return row.told
    return upstream_settings.acting(uri, row.told.model_copy(update={"hosts": ()}))
