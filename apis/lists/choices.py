"""What the list of an environment's APIs can be narrowed by: gateways, tags and owners in use."""

from uuid import uuid4

from django.db import connection

from console.compiled import CompiledQuery
from console.models import Environment
from gateways.models import Gateway

MOST = 200
"""Of each kind; those in use by most APIs."""
Choices = list[tuple[str, str]]

_TAGS = """
    SELECT tag FROM (
        SELECT tags, count(*) AS apis FROM apis_apiinstance WHERE environment_id = %s GROUP BY tags
    ) AS tagged, unnest(tags) AS tag
    GROUP BY tag ORDER BY sum(apis) DESC, tag LIMIT %s
"""
_OWNERS = """
    SELECT coalesce(username, 'team:' || team.name, owner.email) FROM (
        SELECT user_id, team_id, email, count(*) AS apis FROM owners_apiowner
        WHERE api_id IN (SELECT id FROM apis_apiinstance WHERE environment_id = %s)
        GROUP BY user_id, team_id, email
    ) AS owner
        LEFT JOIN console_user AS person ON person.id = user_id
        LEFT JOIN teams_team AS team ON team.id = team_id
    GROUP BY 1 ORDER BY sum(apis) DESC, 1 LIMIT %s
"""


def tags(environment: Environment, most: int = MOST) -> list[str]:
    """In use there, in the order of the alphabet."""
    return _asked(_TAGS, environment, most)


def owners(environment: Environment) -> list[str]:
    """Users by their login, teams as `team:NAME`, contacts by their address."""
    return _asked(_OWNERS, environment)


def gateways(environment: Environment) -> Choices:
    """With the key of each."""
    return [(str(pk), name) for pk, name in _gateways(environment=environment.pk)]


_gateways = CompiledQuery(
    lambda environment: (
        Gateway.objects.filter(environment=environment, is_revoked=False)
        .order_by("name")
        .values_list("pk", "name")[:MOST]
    ),
    environment=uuid4(),
)


def _asked(sql: str, environment: Environment, most: int = MOST) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [environment.pk, most])
        return sorted((text for (text,) in cursor.fetchall()), key=str.casefold)
