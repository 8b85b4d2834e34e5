"""Two environments side by side: which APIs are in both, in one alone, and in which parts they differ.

By digests of what each part holds, with hosts, upstreams and TLS contexts of the one taken for those of the
other as promotions have them. The database makes them: what thousands of APIs hold is not carried here to be
compared. Secrets are not compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.db import connection

from apis.promotions.models import Counterpart, Mapped
from console.models import Environment

State = Literal["same", "different", "here", "there"]
STATES: tuple[tuple[State, str], ...] = (
    ("different", "Different"),
    ("here", "Only here"),
    ("there", "Only there"),
    ("same", "The same"),
)
PARTS = ("versions", "routes", "policies", "tiers", "settings")
MOST_APIS = 10_000
"""Of an environment."""
Names = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Side:
    """An API with the digest of each part."""

    pk: int
    name: str
    label: str
    version: str
    base_path: str
    is_deployed: bool
    asset: str
    parts: tuple[object, ...]
    """In the order of PARTS; None of what it has nothing of."""


@dataclass(frozen=True)
class Pair:
    here: Side | None
    there: Side | None

    @property
    def any(self) -> Side:
        side = self.here or self.there
        assert side is not None
        return side

    @property
    def differs(self) -> tuple[str, ...]:
        """The parts in which both differ."""
        if self.here is None or self.there is None:
            return ()
        both = zip(PARTS, self.here.parts, self.there.parts, strict=True)
        return tuple(name for name, here, there in both if here != there)

    @property
    def state(self) -> State:
        if self.there is None:
            return "here"
        if self.here is None:
            return "there"
        return "different" if self.here.parts != self.there.parts else "same"


def compared(here: Environment, there: Environment) -> list[Pair]:
    """By name; those that were promoted stand beside what they became, others beside those of their name."""
    names = _names(here, there)
    left, right = _sides(here, names), _sides(there, {})
    linked = _linked(here, there)
    by_name = {key: side for side in right.values() for key in [_key(side)]}
    found, taken = [], set[int]()
    for pk, side in left.items():
        other = right.get(linked.get(pk, 0)) or by_name.get(_key(side))
        if other and other.pk in taken:
            other = None
        if other:
            taken.add(other.pk)
        found.append(Pair(side, other))
    found += [Pair(None, side) for pk, side in right.items() if pk not in taken]
    return sorted(found, key=lambda one: (one.any.name.lower(), one.any.label, one.any.pk))


def _key(side: Side) -> tuple[str, str]:
    return side.asset, side.label


def _linked(here: Environment, there: Environment) -> dict[int, int]:
    """Whichever way it was promoted."""
    rows = Counterpart.objects.filter(
        origin__environment__in=(here, there), copy__environment__in=(here, there)
    ).values_list("origin", "copy", "origin__environment")
    return {
        (origin if environment == here.pk else copy): (copy if environment == here.pk else origin)
        for origin, copy, environment in reversed(rows)
    }


def _names(here: Environment, there: Environment) -> Names:
    """What is here as it is called there, by the promotions of both ways, the way there first."""
    rows = Mapped.objects.filter(source__in=(here, there), target__in=(here, there)).order_by()
    found: dict[tuple[str, str], str] = {}
    forward: dict[tuple[str, str], str] = {}
    for source, kind, was, becomes in rows.values_list("source", "kind", "was", "becomes"):
        if source == here.pk:
            forward[kind, was] = becomes
        else:
            found[kind, becomes] = was
    return found | forward


def _sides(environment: Environment, names: Names) -> dict[int, Side]:
    """One statement that reads everything, and tells of it what is shown and digests."""
    given: dict[str, Any] = {
        "environment": environment.pk,
        "most": MOST_APIS,
        "kinds": [kind for kind, _ in names],
        "was": [was for _, was in names],
        "becomes": list(names.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(_SIDES, given)
        rows = cursor.fetchall()
    return {
        pk: Side(pk, name, label, version, path, is_deployed, asset, (f"{release} {version}", *parts))
        for pk, name, label, version, path, is_deployed, asset, release, *parts in rows
    }


_SIDES = """
WITH named AS (
    SELECT * FROM unnest(%(kinds)s::text[], %(was)s::text[], %(becomes)s::text[]) AS t (kind, was, becomes)
), apis AS (
    SELECT * FROM apis_apiinstance WHERE environment_id = %(environment)s ORDER BY id LIMIT %(most)s
), upstreams AS (
    SELECT upstream.id, hash_record_extended(ROW(coalesce(uri.becomes, upstream.uri), upstream.label,
        coalesce(tls.becomes, context.name), nullif(settings, '{}')), 0) AS told
    FROM apis_upstream AS upstream JOIN apis ON apis.id = upstream.api_id
    LEFT JOIN apis_tlscontext AS context ON context.id = upstream.tls_context_id
    LEFT JOIN named AS uri ON uri.kind = 'upstream' AND uri.was = upstream.uri
    LEFT JOIN named AS tls ON tls.kind = 'tls' AND tls.was = context.name
), targets AS (
    SELECT route_id, hash_array_extended(array_agg(
        hash_record_extended(ROW(told, weight), 0) ORDER BY target.id), 0) AS told
    FROM apis_routeupstream AS target JOIN upstreams ON upstreams.id = target.upstream_id
    GROUP BY route_id
), routes AS (
    SELECT route.api_id, hash_array_extended(array_agg(hash_record_extended(ROW(route.label, methods, path,
        coalesce(host.becomes, route.host), headers, targets.told), 0) ORDER BY position), 0) AS told
    FROM apis_route AS route JOIN apis ON apis.id = route.api_id
    LEFT JOIN targets ON targets.route_id = route.id
    LEFT JOIN named AS host ON host.kind = 'host' AND host.was = route.host
    GROUP BY route.api_id
), policies AS (
    SELECT binding.api_id, hash_array_extended(array_agg(hash_record_extended(ROW(policy, binding.label,
        config, conditions, is_disabled, mode, CASE WHEN binding.upstreams <> '{}' THEN (
            SELECT hash_array_extended(array_agg(told ORDER BY place), 0)
            FROM unnest(binding.upstreams) WITH ORDINALITY AS one (id, place) LEFT JOIN upstreams USING (id)
        ) END), 0) ORDER BY binding.order, binding.id), 0) AS told
    FROM apis_policybinding AS binding JOIN apis ON apis.id = binding.api_id
    GROUP BY binding.api_id
), tiers AS (
    SELECT tier.api_id, hash_array_extended(array_agg(hash_record_extended(ROW(name, tier.description,
        limits, approves_by_itself, status), 0) ORDER BY name), 0) AS told
    FROM contracts_tier AS tier JOIN apis ON apis.id = tier.api_id
    GROUP BY tier.api_id
)
SELECT apis.id, asset.name, apis.label, asset.api_version, base_path, is_deployed, asset.asset_id,
    asset.version, routes.told, policies.told, tiers.told,
    hash_record_extended(ROW(apis.description, tags, response_timeout_ms), 0)
FROM apis JOIN apis_asset AS asset ON asset.id = apis.asset_id
LEFT JOIN routes ON routes.api_id = apis.id LEFT JOIN policies ON policies.api_id = apis.id
LEFT JOIN tiers ON tiers.api_id = apis.id
ORDER BY apis.id
"""
