"""The state of every API of an environment, where a page counts or sorts thousands of them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, cast
from uuid import UUID

from django.db import connection
from django.db.models import BigIntegerField
from django.db.models.expressions import RawSQL

from apis import resource_names
from apis.deployment.status import State, StatusFacts
from console.models import Environment
from console.statements import Statement, of_named
from gateways.models import ResourceStatus, heard_since

# The facts of an API are counted where the rows are; what follows from them, `StatusFacts` says. An answer
# about an older version than the wanted one says nothing of that, as in `status`.
_FACTS = """
    WITH replica AS (
        SELECT replica.id, gateway_id, last_heartbeat_at >= %(heard_since)s AS is_live, noting_generation
        FROM gateways_replica AS replica JOIN gateways_gateway AS gateway ON gateway.id = gateway_id
        WHERE stopped_at IS NULL
    ), refusal AS (
        SELECT replica_id, max(deployment.generation) AS generation
        FROM gateways_ack JOIN gateways_deployment AS deployment ON deployment.id = deployment_id
            JOIN gateways_gateway AS gateway ON gateway.id = deployment.gateway_id
        WHERE NOT applied AND deployment.generation = gateway.generation
        GROUP BY replica_id
    ), told AS (
        SELECT api.id AS api_id, is_deployed AND api.gateway_id IS NOT NULL AS is_deployed,
            deployed_at IS NOT NULL AS was_deployed, replica.id AS replica_id, is_live, running_generation,
            answer.replica_id IS NOT NULL AS is_answered,
            coalesce(answer.generation >= greatest(changed_generation, noting_generation), false)
                AS is_about_wanted,
            answer.state = %(refused)s AS is_refused,
            coalesce(refusal.generation >= greatest(changed_generation, noting_generation), false)
                AS is_refused_whole
        FROM apis_apiinstance AS api LEFT JOIN replica ON replica.gateway_id = api.gateway_id
            LEFT JOIN gateways_resourcestatus AS answer ON answer.replica_id = replica.id
                AND answer.namespace = api.environment_id::text AND answer.name = %(api)s || api.id
            LEFT JOIN refusal ON refusal.replica_id = replica.id
        WHERE api.environment_id = ANY(%(environments)s)
    ), counted AS (
        SELECT api_id AS id, bool_or(is_deployed) AS is_deployed, bool_or(was_deployed) AS was_deployed,
            bool_or(is_answered) AS is_answered, count(replica_id) AS replicas,
            count(*) FILTER (WHERE is_live) AS live,
            count(*) FILTER (WHERE is_live AND running_generation IS NOT NULL) AS serving,
            count(*) FILTER (WHERE is_live AND is_about_wanted AND NOT is_refused) AS applied,
            count(*) FILTER (WHERE is_live AND CASE WHEN is_about_wanted THEN is_refused
                ELSE is_refused_whole END) AS refused
        FROM told GROUP BY api_id
    )
    SELECT id, is_deployed, was_deployed,
        -- Of those that said goodbye, where no other did.
        CASE WHEN is_answered THEN true ELSE EXISTS (
            SELECT FROM apis_apiinstance AS api
                JOIN gateways_replica AS any_replica ON any_replica.gateway_id = api.gateway_id
                JOIN gateways_resourcestatus AS answer ON answer.replica_id = any_replica.id
                    AND answer.namespace = api.environment_id::text AND answer.name = %(api)s || api.id
            WHERE api.id = counted.id
        ) END AS is_answered,
        replicas, live, serving, applied, refused
    FROM counted
"""
_COLUMNS = ", ".join(StatusFacts._fields)
STATES: tuple[State, ...] = (
    *("Active", "Failed", "Applying", "Partly applied", "Inactive", "Not deployed", "Unregistered"),
)
"""In the order in which lists have them."""
# What `StatusFacts.state` says, as the place in that order.
PLACE = """
    CASE
        WHEN NOT is_deployed THEN CASE WHEN serving > 0 THEN 2 WHEN was_deployed THEN 5 ELSE 6 END
        WHEN live = 0 THEN CASE WHEN is_answered THEN 4 ELSE 2 END
        WHEN applied = replicas THEN 0
        WHEN applied > 0 THEN 3
        WHEN refused > 0 THEN 1
        ELSE 2
    END
"""
_PLACES = f"SELECT id, {PLACE} AS place FROM ({_FACTS}) AS api"


def counts(environment: Environment) -> Counter[State]:
    """How many APIs are in each state."""
    found: Counter[State] = Counter()
    for *facts, apis in _ask(
        f"SELECT {_COLUMNS}, count(*) FROM ({_FACTS}) AS api GROUP BY {_COLUMNS}", [environment.pk]
    ):
        found[StatusFacts(*facts).state] += apis
    return found


def places(environment: Environment, state: str = "") -> Statement:
    """Of (API, its state's place in STATES), of all or of those in one state."""
    values = _values([environment.pk])
    if not state:
        return of_named(_PLACES, values)
    only = {**values, "place": STATES.index(cast(State, state))}
    return of_named(f"SELECT * FROM ({_PLACES}) AS known WHERE place = %(place)s", only)


def in_state(environment: Environment, state: str) -> RawSQL:
    """For `pk__in=`."""
    sql, values = places(environment, state)
    return RawSQL(f"SELECT id FROM ({sql}) AS found", values, output_field=BigIntegerField())


def refused(environments: Iterable[UUID]) -> set[int]:
    """Deployed APIs of these environments whose wanted version a replica that reports does not take."""
    sql = f"SELECT id FROM ({_FACTS}) AS api WHERE is_deployed AND refused > 0"
    return {api for (api,) in _ask(sql, list(environments))}


def _ask(sql: str, environments: list[UUID]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, _values(environments))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _values(environments: list[UUID]) -> dict[str, Any]:
    return {
        "environments": environments,
        "heard_since": heard_since(),
        "api": resource_names.API,
        "refused": ResourceStatus.State.REFUSED,
    }
