"""Two environments side by side: which APIs are in both, in one alone, and in which parts they differ.

By digests of what each part holds, with hosts, upstreams and TLS contexts of the one taken for those of the
other as promotions have them: in as many queries for thousands of APIs as for one. Secrets are not compared.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import orjson
from django.db.models import F, Func, QuerySet, TextField
from django.db.models.functions import Cast

from apis.contracts.models import Tier
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, Upstream
from apis.promotions.mapping import Kind
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
    parts: Mapping[str, str]


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
        here, there = self.here.parts, self.there.parts
        return tuple(name for name in PARTS if here[name] != there[name])

    @property
    def state(self) -> State:
        if self.there is None:
            return "here"
        if self.here is None:
            return "there"
        return "different" if self.differs else "same"


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
    return side.parts["asset"], side.label


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
    rows = Mapped.objects.filter(source__in=(here, there), target__in=(here, there))
    found: dict[tuple[str, str], str] = {}
    forward: dict[tuple[str, str], str] = {}
    for source, kind, was, becomes in rows.values_list("source", "kind", "was", "becomes"):
        if source == here.pk:
            forward[kind, was] = becomes
        else:
            found[kind, becomes] = was
    return found | forward


def _sides(environment: Environment, names: Names) -> dict[int, Side]:
    apis = ApiInstance.objects.filter(environment=environment).order_by("pk")[:MOST_APIS]
    upstreams = _upstreams(environment, names)
    routes = _routes(environment, upstreams, names)
    policies = _policies(environment, upstreams)
    tiers = _tiers(environment)
    columns = (
        *("pk", "asset__name", "label", "asset__api_version", "base_path", "is_deployed"),
        *("asset__asset_id", "asset__version", "description", "tags", "response_timeout_ms"),
    )
    sides = {}
    for pk, name, label, version, path, is_deployed, asset, release, *told in apis.values_list(*columns):
        parts = {
            "asset": asset,
            "versions": f"{release} {version}",
            "routes": _digest(routes[pk]),
            "policies": _digest(policies[pk]),
            "tiers": _digest(tiers[pk]),
            "settings": _digest(told),
        }
        sides[pk] = Side(pk, name, label, version, path, is_deployed, parts)
    return sides


def _upstreams(environment: Environment, names: Names) -> dict[UUID, list[Any]]:
    found = Upstream.objects.filter(api__environment=environment)
    rows = found.annotate(text=_text("settings")).values_list(
        "pk", "uri", "label", "tls_context__name", "text"
    )
    return {
        pk: [_named(names, Kind.UPSTREAM, uri), label, _named(names, Kind.TLS, tls or ""), _plain(settings)]
        for pk, uri, label, tls, settings in rows
    }


def _routes(environment: Environment, upstreams: Mapping[UUID, Any], names: Names) -> dict[int, list[Any]]:
    targets: dict[int, list[Any]] = defaultdict(list)
    rows = RouteUpstream.objects.filter(route__api__environment=environment).order_by("pk")
    for route, upstream, weight in rows.values_list("route", "upstream", "weight"):
        targets[route].append([upstreams.get(upstream), weight])
    found: dict[int, list[Any]] = defaultdict(list)
    columns = ("api", "pk", "label", "methods", "path", "host", "headers")
    for api, pk, *rule, host, headers in _of(Route, environment).order_by("position").values_list(*columns):
        found[api].append([rule, _named(names, Kind.HOST, host), headers, targets[pk]])
    return found


def _policies(environment: Environment, upstreams: Mapping[UUID, Any]) -> dict[int, list[Any]]:
    """The configuration as a digest, made by the database: it may be long, and is JSON in one order there."""
    found: dict[int, list[Any]] = defaultdict(list)
    digest = Func(_text("config"), function="md5", output_field=TextField())
    rows = _of(PolicyBinding, environment).annotate(digest=digest).order_by("order", "pk")
    columns = ("api", "policy", "label", "digest", "conditions", "is_disabled", "mode", "upstreams")
    for api, *told, acted_on in rows.values_list(*columns):
        found[api].append([told, [upstreams.get(pk) for pk in acted_on]])
    return found


def _tiers(environment: Environment) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    columns = ("api", "name", "description", "limits", "approves_by_itself", "status")
    for api, *told in _of(Tier, environment).order_by("name").values_list(*columns):
        found[api].append(told)
    return found


def _of(model: Any, environment: Environment) -> QuerySet[Any]:
    rows: QuerySet[Any] = model.objects.filter(api__environment=environment)
    return rows


def _text(column: str) -> Cast:
    return Cast(F(column), TextField())


def _plain(text: str) -> str:
    return "" if text == "{}" else text


def _named(names: Names, kind: str, was: str) -> str:
    return names.get((kind, was), was)


def _digest(value: Iterable[Any]) -> str:
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()
