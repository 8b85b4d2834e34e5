"""Whose roles are, and what the database holds true of them."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q

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
