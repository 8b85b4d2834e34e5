"""Whose roles are, and what the database holds true of them."""

from typing import Any
from uuid import UUID, uuid4

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q

from console.compiled import CompiledQuery

CONSTRAINTS = [
    models.UniqueConstraint(
        fields=["user", "team", "organization", "environment", "api", "name", "custom"],
        name="role_is_granted_once",
        nulls_distinct=False,
    ),
    models.CheckConstraint(condition=Q(user=None) ^ Q(team=None), name="role_is_of_a_user_or_a_team"),
    models.CheckConstraint(condition=Q(custom=None) ^ Q(name="custom"), name="role_is_built_in_or_custom"),
    models.CheckConstraint(
        condition=Q(api=None) | Q(environment__isnull=False), name="role_for_an_api_has_its_environment"
    ),
    models.CheckConstraint(
        condition=Q(api=None, name__in=["administrator", "manager", "viewer"])
        | Q(api__isnull=False, name__in=["api-manager", "api-viewer"])
        | Q(name="custom"),
        name="role_is_of_its_place",
    ),
]


def fault_of(role: Any) -> str:
    """Why a role cannot be given where it says; empty for one that can. A place of another organization would
    be reached by whoever administers this one.
    """
    path = role.organization.path
    if role.environment and role.environment.organization_id != role.organization_id:
        return f"{role.environment} is not an environment of {role.organization}."
    if role.api and role.api.environment_id != role.environment_id:
        return f"{role.api} is not an API of {role.environment}."
    for one in (role.custom, role.team):
        if one and not path.startswith(one.organization.path):
            return f"{one} is of {one.organization}, and is given there and below alone."
    return ""


def owns_an_application(user: Any) -> Q:
    """Of organizations: in which the user owns a client application, in person or by a team. Ask for distinct
    ones.
    """
    return Q(applications__owners=user) | Q(applications__teams__members=user)


class RoleQuerySet(models.QuerySet[Any]):
    def of(self, user: Any) -> "RoleQuerySet":
        """Those given to the user, and to teams that the user is a member of."""
        users: Any = get_user_model()._default_manager
        teams = users.filter(pk=user.pk, teams__isnull=False).values("teams")
        return self.filter(Q(user=user) | Q(team__in=teams))

    def holders(self) -> Q:
        """Users who were given one of these, in person or by a team."""
        users: Any = get_user_model()._default_manager
        members = users.filter(teams__in=self.exclude(team=None).values("team"))
        return Q(pk__in=self.exclude(user=None).values("user")) | Q(pk__in=members.values("pk"))


def _given_to(user: UUID) -> RoleQuerySet:
    roles: Any = apps.get_model("console", "Role")._default_manager
    found: RoleQuerySet = roles.of(get_user_model()(pk=user)).select_related("organization", "custom")
    return found


given_to = CompiledQuery(_given_to, user=uuid4())
"""As `of` finds them, with what their grants need: every page asks for its user's."""
