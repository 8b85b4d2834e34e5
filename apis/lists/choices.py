"""What the list of an environment's APIs can be narrowed by: gateways, tags and owners in use."""

from django.db import connection

from console.models import Environment
from gateways.models import Gateway

MOST = 200
"""Of each kind; those in use by most APIs."""
Choices = list[tuple[str, str]]

_TAGS = """
    SELECT tag FROM apis_apiinstance, unnest(tags) AS tag WHERE environment_id = %s
    GROUP BY tag ORDER BY count(*) DESC, tag LIMIT %s
"""
_OWNERS = """
    SELECT coalesce(username, 'team:' || team.name, owner.email) FROM owners_apiowner AS owner
        JOIN apis_apiinstance AS api ON api.id = api_id
        LEFT JOIN console_user AS person ON person.id = user_id
        LEFT JOIN teams_team AS team ON team.id = team_id
    WHERE environment_id = %s GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT %s
"""


def tags(environment: Environment, most: int = MOST) -> list[str]:
    """In use there, in the order of the alphabet."""
    return _asked(_TAGS, environment, most)


def owners(environment: Environment) -> list[str]:
    """Users by their login, teams as `team:NAME`, contacts by their address."""
    return _asked(_OWNERS, environment)


def gateways(environment: Environment) -> Choices:
    """With the key of each."""
    rows = Gateway.objects.filter(environment=environment, is_revoked=False).order_by("name")
    return [(str(pk), name) for pk, name in rows.values_list("pk", "name")[:MOST]]


def _asked(sql: str, environment: Environment, most: int = MOST) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [environment.pk, most])
        return sorted((text for (text,) in cursor.fetchall()), key=str.casefold)
