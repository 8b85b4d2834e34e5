"""What an environment is to have of a portable API, and what stands in the way of it there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from apis.assets.models import Asset
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset
from apis.documents.specification import Specification
from apis.models import TlsContext
from apis.portable.shape import Portable, UpstreamPart
from apis.rules.problem import Problem
from console.models import Environment
from gateways.models import Gateway

PARTS = ("policies", "tiers", "terms", "alerts", "tests")
"""What may be left out: then it stays as it is where the API is there already."""


@dataclass(frozen=True)
class WantedApi:
    """`whole` as it is to be there: its ports, URIs, TLS contexts and secrets are those of the environment.

    `specification` is the document of a new asset, or of one that has none.
    """

    environment: Environment
    whole: Portable
    gateway: Gateway | None = None
    specification: Specification | None = None
    parts: frozenset[str] = frozenset(PARTS)
    origin: str = field(default="", compare=False)
    """Where it comes from, for the audit log."""
    sent_to: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By a secret group that is made for it, the hosts that somebody chose for its shared secrets."""


def asset_of(wanted: WantedApi) -> Asset | NewAsset:
    """The asset of this id and version that the organization may use, its own first; else a new one."""
    told, organization = wanted.whole.asset, wanted.environment.organization
    path = [UUID(part) for part in organization.path.split("/") if part]
    rows = Asset.objects.filter(organization__in=path, asset_id=told.asset_id, version=told.version)
    found = {row.organization_id: row for row in rows.select_related("specification", "organization")}
    for one in reversed(path):
        if one in found:
            return found[one]
    return NewAsset(told.name, told.asset_id, told.version, told.api_version, told.type, wanted.specification)


def contexts_of(wanted: WantedApi) -> dict[str, TlsContext]:
    """By name, those of the environment that it names."""
    names = {wanted.whole.tls_context, *(one.tls_context for one in wanted.whole.upstreams)} - {""}
    return {one.name: one for one in wanted.environment.tls_contexts.filter(name__in=names)} if names else {}


def missing(wanted: WantedApi, known: Mapping[str, TlsContext]) -> Iterator[Problem]:
    """TLS contexts that the environment lacks."""
    words = "{} has no TLS context {}; make one of that name there, or choose another."
    own = wanted.whole.tls_context
    if own and own not in known:
        yield Problem("tls_context", words.format(wanted.environment, own))
    for one in wanted.whole.upstreams:
        if one.tls_context and one.tls_context not in known:
            message = words.format(wanted.environment, one.tls_context)
            yield Problem(f"upstreams.{one.key}.tls_context", message)


def desired(
    wanted: WantedApi,
    asset: Asset | NewAsset,
    known: Mapping[str, TlsContext],
    ids: Mapping[str, UUID] | None = None,
) -> DesiredApi:
    """As any API is desired. `ids` are those of upstreams that are there already, by their keys here."""
    whole, rows = wanted.whole, {one.key: one for one in wanted.whole.upstreams}
    return DesiredApi(
        asset=asset,
        gateway=wanted.gateway,
        protocol=whole.protocol,
        port=whole.port,
        base_path=whole.base_path,
        tls_context=known.get(whole.tls_context),
        label=whole.label,
        consumer_endpoint=whole.consumer_endpoint,
        description=whole.description,
        tags=whole.tags,
        response_timeout_ms=whole.response_timeout_ms,
        routes=[
            DesiredRoute(
                route.label,
                route.methods,
                route.path,
                route.host,
                dict(route.headers),
                [
                    upstream(rows[one.upstream], known, ids or {}, one.weight)
                    for one in route.targets
                    if one.upstream in rows
                ],
            )
            for route in whole.routes
        ],
    )


def upstream(
    one: UpstreamPart, known: Mapping[str, TlsContext], ids: Mapping[str, UUID], weight: int = 100
) -> DesiredUpstream:
    return DesiredUpstream(
        one.uri, one.label, weight, ids.get(one.key), known.get(one.tls_context), one.settings
    )


def fields(whole: Portable) -> dict[str, str]:
    """Where the rules tell of an upstream by its place in a route, the field of the upstream itself."""
    return {
        f"routes.{at}.upstreams.{place}": f"upstreams.{target.upstream}"
        for at, route in enumerate(whole.routes)
        for place, target in enumerate(route.targets)
    }
