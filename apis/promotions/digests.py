"""Digests of what each part of an API holds, by which environments are compared: kept until a part changes.

What is called otherwise in another environment, hosts, upstreams, TLS contexts and shared secrets, is in none
of them: its names lie beside, in the order in which the part has them.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection


class Digests(NamedTuple):
    """Of one API. Names are JSON: `[[kind, name]]`; a TLS context's name is its id. None of what it lacks."""

    routes: int | None = None
    route_names: str | None = None
    policies: int | None = None
    policy_names: str | None = None
    tiers: int | None = None
    terms: int | None = None


class ApiDigests(NamedTuple):
    """Digests of an API, and the count of its changes at that moment."""

    api: int
    changes: int
    told: Digests


def make(apis: Sequence[int]) -> dict[int, Digests]:
    """Of APIs that have none, or whose parts changed since."""
    found = read(apis) if apis else []
    if found:
        keep(found)
    return {one.api: one.told for one in found}


def read(apis: Sequence[int]) -> list[ApiDigests]:
    with connection.cursor() as cursor:
        cursor.execute(_MAKE, {"apis": list(apis)})
        return [ApiDigests(api, changes, Digests(*told)) for api, changes, *told in cursor.fetchall()]


def keep(found: Sequence[ApiDigests]) -> None:
    """But where something changed since, or changes at this moment: they would be of before."""
    columns = zip(*((one.api, one.changes, *one.told) for one in found), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [*map(list, columns), form()])


def form() -> str:
    """How digests are made by this release on this server: those that were made otherwise say nothing."""
    return f"{_MADE_BY}-{connection.pg_version // 10_000}"  # type: ignore[attr-defined]


# What is read is of one moment, and the count of changes with it.
_MAKE = r"""
WITH apis AS (SELECT unnest(%(apis)s::bigint[]) AS id), upstreams AS (
    SELECT upstream.id, api_id, uri, tls_context_id::text AS tls,
        hash_record_extended(ROW(label, nullif(settings, '{}'), tls_context_id IS NULL), 0) AS told
    FROM apis_upstream AS upstream JOIN apis ON apis.id = api_id
), route AS (
    SELECT route.* FROM apis_route AS route JOIN apis ON apis.id = api_id
), target AS (
    SELECT target.id, route_id, weight, uri, tls, told
    FROM apis_routeupstream AS target JOIN route ON route.id = route_id
    JOIN upstreams ON upstreams.id = upstream_id AND upstreams.api_id = route.api_id
), targets AS (
    SELECT route_id, hash_array_extended(array_agg(
        hash_record_extended(ROW(told, weight), 0) ORDER BY id), 0) AS told
    FROM target GROUP BY route_id
), routes AS (
    SELECT api_id, hash_array_extended(array_agg(hash_record_extended(
        ROW(label, methods, path, host = '', headers, targets.told), 0) ORDER BY position), 0) AS told
    FROM route LEFT JOIN targets ON route_id = route.id GROUP BY api_id
), route_names AS (
    SELECT api_id, jsonb_agg(jsonb_build_array(kind, name) ORDER BY position, place, kind) AS names FROM (
        SELECT api_id, position, 0 AS place, 'host' AS kind, host AS name FROM route WHERE host <> ''
        UNION ALL SELECT api_id, position, target.id, 'upstream', uri
            FROM route JOIN target ON route_id = route.id
        UNION ALL SELECT api_id, position, target.id, 'tls', tls
            FROM route JOIN target ON route_id = route.id WHERE tls IS NOT NULL
    ) AS one GROUP BY api_id
), binding AS (
    SELECT binding.*, regexp_replace(config::text, '("\$\{secret:)[^"}#]*', '\1', 'g') AS unnamed
    FROM apis_policybinding AS binding JOIN apis ON apis.id = api_id
), acts_on AS (
    SELECT binding.id AS binding_id, binding.api_id, binding.order AS rank, place, uri, tls, told
    FROM binding CROSS JOIN unnest(binding.upstreams) WITH ORDINALITY AS one (id, place)
    LEFT JOIN upstreams ON upstreams.id = one.id AND upstreams.api_id = binding.api_id
), outbound AS (
    SELECT binding_id, hash_array_extended(array_agg(told ORDER BY place), 0) AS told
    FROM acts_on GROUP BY binding_id
), policies AS (
    SELECT api_id, hash_array_extended(array_agg(hash_record_extended(ROW(policy, label, unnamed, conditions,
        is_disabled, mode, outbound.told), 0) ORDER BY binding.order, binding.id), 0) AS told
    FROM binding LEFT JOIN outbound ON binding_id = binding.id GROUP BY api_id
), policy_names AS (
    SELECT api_id, jsonb_agg(jsonb_build_array(kind, name) ORDER BY rank, binding_id, place, kind) AS names
    FROM (
        SELECT api_id, rank, binding_id, place, kind, name
            FROM acts_on, LATERAL (VALUES ('upstream', uri), ('tls', tls)) AS one (kind, name)
        UNION ALL SELECT api_id, binding.order, binding.id, place, 'secret', mentioned[1]
            FROM binding, LATERAL regexp_matches(config::text, '"\$\{secret:([^"}#]*)', 'g')
                WITH ORDINALITY AS one (mentioned, place)
    ) AS one WHERE name IS NOT NULL GROUP BY api_id
), tiers AS (
    SELECT api_id, hash_array_extended(array_agg(hash_record_extended(
        ROW(name, description, limits, approves_by_itself, status), 0) ORDER BY name), 0) AS told
    FROM contracts_tier JOIN apis ON apis.id = api_id GROUP BY api_id
), terms AS (
    SELECT DISTINCT ON (api_id) api_id, CASE WHEN text <> '' THEN hashtextextended(text, 0) END AS told
    FROM contracts_terms JOIN apis ON apis.id = api_id ORDER BY api_id, version DESC
)
SELECT apis.id, coalesce(changes, -1), routes.told, route_names.names::text, policies.told,
    policy_names.names::text, tiers.told, terms.told
FROM apis LEFT JOIN promotions_compared AS compared ON compared.api_id = apis.id
LEFT JOIN routes ON routes.api_id = apis.id LEFT JOIN route_names ON route_names.api_id = apis.id
LEFT JOIN policies ON policies.api_id = apis.id LEFT JOIN policy_names ON policy_names.api_id = apis.id
LEFT JOIN tiers ON tiers.api_id = apis.id LEFT JOIN terms ON terms.api_id = apis.id
"""
_KEEP = """
WITH made AS (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::jsonb[], %s::bigint[], %s::jsonb[],
        %s::bigint[], %s::bigint[])
        AS made (api, changes, routes, route_names, policies, policy_names, tiers, terms)
), free AS (
    SELECT api_id FROM promotions_compared WHERE api_id IN (SELECT api FROM made)
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE promotions_compared AS kept SET told_at = made.changes, form = %s, routes = made.routes,
    route_names = made.route_names, policies = made.policies, policy_names = made.policy_names,
    tiers = made.tiers, terms = made.terms
FROM made JOIN free ON free.api_id = made.api
WHERE kept.api_id = made.api AND kept.changes = made.changes
"""
_MADE_BY = hashlib.sha256(_MAKE.encode()).hexdigest()[:32]
