"""Teams: users of an organization who are given roles together."""

from uuid import UUID

from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse

from console.fields import LineField
from console.models import Organization, User


class TeamQuerySet(models.QuerySet["Team"]):
    def of(self, user: User) -> "TeamQuerySet":
        """Those that the user is a member of."""
        return self.filter(members=user)

    def acting_in(self, organization: Organization) -> "TeamQuerySet":
        """Those of the organization and above: a team acts where it is, and below."""
        return self.filter(organization__in=[UUID(part) for part in organization.path.split("/") if part])


class Team(models.Model):
    """Its members hold every role that is given to it."""

    MOST = 500
    MOST_MEMBERS = 2000
    LONGEST_NAME = 60

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="teams")
    name = LineField(max_length=LONGEST_NAME)
    description = LineField(max_length=300, blank=True)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint("organization", Lower("name"), name="team_name_is_unique")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("team", args=[self.pk])


class Membership(models.Model):
    """A user in a team. What a login brought from the groups of an identity provider, a login takes back."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    is_from_login = models.BooleanField("from the identity provider", default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["user__username"]
        constraints = [models.UniqueConstraint(fields=["team", "user"], name="membership_is_given_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"

    @property
    def organization(self) -> Organization:
        return self.team.organization
