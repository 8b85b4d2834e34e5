"""Who answers for an API: users and teams of its organization, and addresses of those that have no login."""

from collections import defaultdict
from collections.abc import Sequence

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length

from apis.models import ApiInstance
from console.among import listed, numbers_in
from console.compiled import CompiledQuery, put
from console.models import Environment, Role, User
from console.teams.models import Team, TeamQuerySet

MOST = 20
"""Owners of one API."""
LONGEST_EMAIL = 254


class ApiOwner(models.Model):
    """A user, a team or, with an `email` alone, a contact."""

    TEAM = "team:"

    api = models.ForeignKey(ApiInstance, models.CASCADE, related_name="owners")
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="+")
    team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True, related_name="+")
    email = models.EmailField(max_length=LONGEST_EMAIL, blank=True)

    class Meta:
        ordering = ["id"]
        verbose_name = "owner"
        constraints = [
            models.CheckConstraint(
                condition=Q(user=None, team=None) ^ Q(email=""), name="owner_is_somebody_or_an_address"
            ),
            models.CheckConstraint(condition=Q(user=None) | Q(team=None), name="owner_is_a_user_or_a_team"),
            models.UniqueConstraint(fields=["api", "user"], name="user_owns_an_api_once"),
            models.UniqueConstraint(fields=["api", "team"], name="team_owns_an_api_once"),
            models.UniqueConstraint(
                fields=["api", "email"], condition=~Q(email=""), name="address_owns_an_api_once"
            ),
        ]

    def __str__(self) -> str:
        """As `apis.changes.owners` reads it, and the list is narrowed by it."""
        if self.team:
            return f"{self.TEAM}{self.team.name}"
        return self.user.get_username() if self.user else self.email

    @property
    def name(self) -> str:
        """As people call the owner."""
        if self.team:
            return self.team.name
        return (self.user.get_full_name() or self.user.get_username()) if self.user else self.email

    @property
    def contact(self) -> str:
        """The address that reaches the owner, if one is known."""
        return self.user.email if self.user else self.email


_OWNERS = CompiledQuery(
    lambda apis: ApiOwner.objects.filter(api__in=numbers_in(apis)).select_related("user", "team"), apis="{0}"
)


def put_owners(apis: Sequence[ApiInstance]) -> None:
    """Those of each, to be found as `owners` of it, by one statement."""
    found: dict[int, list[ApiOwner]] = defaultdict(list)
    for one in _OWNERS(apis=listed(api.pk for api in apis)):
        found[one.api_id].append(one)
    for api in apis:
        put(api, "owners", found[api.pk])


def users_of(environment: Environment) -> models.QuerySet[User]:
    """Who may own an API there: those who hold a role in its organization, or above, or administer all."""
    path = [part for part in environment.organization.path.split("/") if part]
    within = Q(organization__in=path, environment=None) | Q(environment=environment)
    return User.objects.filter(Role.objects.filter(within).holders() | Q(is_superuser=True), is_active=True)


def teams_of(environment: Environment) -> TeamQuerySet:
    """Which teams may own an API there: those of its organization and above, the nearest first."""
    found = Team.objects.acting_in(environment.organization)
    return found.order_by(Length("organization__path").desc(), "name")
