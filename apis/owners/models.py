"""Who answers for an API: users of its organization, and addresses of teams that have no login."""

from django.db import models
from django.db.models import Q

from apis.models import ApiInstance
from console.models import Environment, Role, User

MOST = 20
"""Owners of one API."""
LONGEST_EMAIL = 254


class ApiOwner(models.Model):
    """Either a user or, with an `email` alone, a contact."""

    api = models.ForeignKey(ApiInstance, models.CASCADE, related_name="owners")
    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="+")
    email = models.EmailField(max_length=LONGEST_EMAIL, blank=True)

    class Meta:
        ordering = ["id"]
        verbose_name = "owner"
        constraints = [
            models.CheckConstraint(
                condition=Q(user=None) ^ Q(email=""), name="owner_is_a_user_or_an_address"
            ),
            models.UniqueConstraint(fields=["api", "user"], name="user_owns_an_api_once"),
            models.UniqueConstraint(
                fields=["api", "email"], condition=~Q(email=""), name="address_owns_an_api_once"
            ),
        ]

    def __str__(self) -> str:
        return self.user.get_username() if self.user else self.email

    @property
    def name(self) -> str:
        """As people call the owner."""
        return (self.user.get_full_name() or self.user.get_username()) if self.user else self.email

    @property
    def contact(self) -> str:
        """The address that reaches the owner, if one is known."""
        return self.user.email if self.user else self.email


def users_of(environment: Environment) -> models.QuerySet[User]:
    """Who may own an API there: those who hold a role in its organization, or above, or administer all."""
    path = [part for part in environment.organization.path.split("/") if part]
    within = Q(organization__in=path, environment=None) | Q(environment=environment)
    return User.objects.filter(Role.objects.filter(within).holders() | Q(is_superuser=True), is_active=True)
