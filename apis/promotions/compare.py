"""Two environments side by side: which APIs are in both, in one alone, and in which parts they differ.

By digests of what each part holds, with hosts, upstreams, TLS contexts and shared secrets of the one taken
for those of the other as promotions have them. The database keeps them: what thousands hold is neither
carried here to be compared nor read anew for each look. Secrets are not compared.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import orjson
from django.db import connection

from apis.models import TlsContext
from apis.portable import mentioned
from apis.promotions import digests
from apis.promotions.digests import Digests
from apis.promotions.models import Counterpart, Mapped
from console.models import Environment

State = Literal["same", "different", "here", "there"]
STATES: tuple[tuple[State, str], ...] = (
    ("different", "Different"),
    ("here", "Only here"),
    ("there", "Only there"),
    ("same", "The same"),
)
PARTS = ("versions", "routes", "policies", "tiers", "terms", "settings")
MOST_APIS = 10_000
"""Of an environment."""
_TLS, _SECRET = str(Mapped.Kind.TLS), str(Mapped.Kind.SECRET)
Names = Mapping[tuple[str, str], str]


class ComparedApi(NamedTuple):
    """An API with digests of what it holds; the last fields are those of `Digests`."""

    pk: int
    name: str
    label: str
    version: str
    base_path: str
    is_deployed: bool
    asset: str
    release: str
    settings: int
    routes: int | None
    route_names: str | None
    policies: int | None
    policy_names: str | None
    tiers: int | None
    terms: int | None


KEPT = len(Digests._fields)


class ComparedPair(NamedTuple):
    here: ComparedApi | None
    there: ComparedApi | None
    differs: tuple[str, ...] = ()
    """The parts in which both differ."""

    @property
    def any(self) -> ComparedApi:
        side = self.here or self.there
        assert side is not None
        return side

    @property
    def state(self) -> State:
        if self.there is None:
            return "here"
        if self.here is None:
            return "there"
        return "different" if self.differs else "same"


def compared(here: Environment, there: Environment) -> list[ComparedPair]:
    """By name; those that were promoted stand beside what they became, others beside those of their name."""
    left, right = _sides(here, there)
    names = _Names(here, there)
    linked = _linked(here, there)
    by_name = {_key(side): side for side in right.values()}
    found, taken = [], set[int]()
    for pk, side in left.items():
        other = right.get(linked.get(pk, 0)) or by_name.get(_key(side))
        if other and other.pk in taken:
            other = None
        if other:
            taken.add(other.pk)
        found.append(ComparedPair(side, other, _differs(side, other, names) if other else ()))
    found += [ComparedPair(None, side) for pk, side in right.items() if pk not in taken]
    return sorted(found, key=_place)


def _place(pair: ComparedPair) -> tuple[str, str, int]:
    side = pair.any
    return side.name.lower(), side.label, side.pk


def _differs(here: ComparedApi, there: ComparedApi, names: "_Names") -> tuple[str, ...]:
    same = (
        here.version == there.version and here.release == there.release,
        here.routes == there.routes and names.are_same(here.route_names, there.route_names),
        here.policies == there.policies and names.are_same(here.policy_names, there.policy_names),
        here.tiers == there.tiers,
        here.terms == there.terms,
        here.settings == there.settings,
    )
    return (
        ()
        if False not in same
        else tuple(part for part, is_same in zip(PARTS, same, strict=True) if not is_same)
    )


class _Names:
    """What is here as it is called there."""

    def __init__(self, here: Environment, there: Environment) -> None:
        self._mapped = _mapped(here, there)
        contexts = TlsContext.objects.filter(environment__in=(here, there)).order_by()
        self._contexts = {str(pk): name for pk, name in contexts.values_list("pk", "name")}

    def are_same(self, here: str | None, there: str | None) -> bool:
        if here is None or there is None:
            return here == there
        left, right = orjson.loads(here), orjson.loads(there)
        return len(left) == len(right) and all(map(self._is_same, left, right))

    def _is_same(self, here: list[str], there: list[str]) -> bool:
        (kind, was), (other, name) = here, there
        if kind == _TLS:
            was, name = self._contexts.get(was, was), self._contexts.get(name, name)
        elif kind == _SECRET:
            was, name = mentioned.reference(was), mentioned.reference(name)
        return kind == other and self._mapped.get((kind, was), was) == name


def _key(side: ComparedApi) -> tuple[str, str]:
    return side.asset, side.label


def _linked(here: Environment, there: Environment) -> dict[int, int]:
    """Whichever way it was promoted."""
    rows = Counterpart.objects.filter(
        origin__environment__in=(here, there), copy__environment__in=(here, there)
    ).values_list("origin", "copy", "origin__environment")
    return {
        (origin if environment == here.pk else copy): (copy if environment == here.pk else origin)
        for origin, copy, environment in reversed(list(rows))
    }


def _mapped(here: Environment, there: Environment) -> Names:
    """By the promotions of both ways, the way there first."""
    rows = Mapped.objects.order_by().values_list("kind", "was", "becomes")
    found = {(kind, becomes): was for kind, was, becomes in rows.filter(source=there, target=here)}
    return found | {(kind, was): becomes for kind, was, becomes in rows.filter(source=here, target=there)}


def _sides(here: Environment, there: Environment) -> tuple[dict[int, ComparedApi], dict[int, ComparedApi]]:
    """One statement reads what is kept; what is not kept, or no longer so, is made by one more."""
    given: dict[str, Any] = {"here": here.pk, "environments": [here.pk, there.pk], "most": MOST_APIS}
    given["form"] = digests.form()
    with connection.cursor() as cursor:
        cursor.execute(_SIDES, given)
        rows = cursor.fetchall()
    made = digests.make([pk for _, is_told, pk, *_ in rows if not is_told])
    left: dict[int, ComparedApi] = {}
    right: dict[int, ComparedApi] = {}
    for is_here, is_told, *side in rows:
        if not is_told:
            side[-KEPT:] = made.get(side[0], Digests())
        (left if is_here else right)[side[0]] = ComparedApi._make(side)
    return left, right


_SIDES = """
WITH apis AS (
    SELECT one.* FROM unnest(%(environments)s::uuid[]) AS environment (id), LATERAL (
        SELECT * FROM apis_apiinstance WHERE environment_id = environment.id ORDER BY id LIMIT %(most)s
    ) AS one
)
SELECT environment_id = %(here)s, coalesce(compared.form = %(form)s AND told_at = changes, false), apis.id,
    asset.name, apis.label, asset.api_version, base_path, is_deployed, asset.asset_id, asset.version,
    hash_record_extended(ROW(apis.description, tags, response_timeout_ms), 0),
    routes, route_names::text, policies, policy_names::text, tiers, terms
FROM apis JOIN apis_asset AS asset ON asset.id = apis.asset_id
LEFT JOIN promotions_compared AS compared ON compared.api_id = apis.id
ORDER BY apis.id
"""
