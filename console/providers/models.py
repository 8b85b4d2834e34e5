"""Identity providers by which people log in, whom they stand for here, and what their groups bring."""

import uuid

from django.db import models
from django.urls import reverse

from console.fields import EncryptedJSONField, LineField
from console.models import Environment, Organization, Role, User
from console.teams.models import Membership, Team


class IdentityProvider(models.Model):
    """An OpenID Connect provider of an organization. It stands for people of this organization alone, and of
    the business groups below.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="identity_providers")
    name = LineField(max_length=60, help_text="As people know it: the login page says “Continue with …”.")
    slug = models.SlugField(
        "login address",
        max_length=60,
        unique=True,
        help_text="The last part of its own login address: small letters, digits and hyphens.",
    )
    discovery_url = models.CharField(
        "discovery URL",
        max_length=500,
        help_text="The issuer's address, with or without /.well-known/openid-configuration.",
    )
    client_id = models.CharField("client id", max_length=255)
    client_secret = EncryptedJSONField(null=True, blank=True, editable=False)
    scopes = models.CharField(
        max_length=500,
        default="openid profile email",
        help_text="Separated by spaces. Some providers send groups only with a scope of theirs.",
    )
    groups_claim = models.CharField(
        "claim of groups",
        max_length=200,
        default="groups",
        blank=True,
        help_text="Where the groups stand in the ID token or in what the userinfo endpoint answers; dots "
        "lead into objects: realm_access.roles. Empty: no groups are read.",
    )
    makes_users = models.BooleanField(
        "Make a user at the first login",
        default=False,
        help_text="Else only those log in who are users already and tied to the provider.",
    )
    default_role = models.CharField(
        "role of everybody",
        max_length=16,
        choices=Role.Name,
        blank=True,
        help_text="In the organization, for whoever logs in by this provider. Empty: only groups give roles.",
    )
    links_by_email = models.BooleanField(
        "Tie users by their e-mail address",
        default=False,
        help_text="At the first login, a user with the same address is tied to the provider if the provider "
        "says that it has verified the address. Else users tie themselves, on their profile.",
    )
    password_allowed = models.BooleanField(
        "Members may log in with a password, too",
        default=True,
        help_text="Administrators whose role was given by hand always may, so that a provider that is down "
        "locks nobody out.",
    )
    checks_second_factor = models.BooleanField(
        "The provider asks for a second factor itself",
        default=False,
        help_text="Then the console asks for none after a login by it.",
    )
    is_listed = models.BooleanField(
        "Offer it on the login page",
        default=False,
        help_text="Else only at its own login address.",
    )
    is_enabled = models.BooleanField("People may log in by it", default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]
        verbose_name = "identity provider"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("provider", args=[self.pk])


class GroupRole(models.Model):
    """A role that the members of a provider's group have, for as long as they are in it."""

    provider = models.ForeignKey(IdentityProvider, models.CASCADE, related_name="group_roles")
    group = models.CharField(max_length=255)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, blank=True, related_name="+")
    role = models.CharField(max_length=16, choices=Role.Name)

    class Meta:
        ordering = ["group", "id"]
        verbose_name = "group's role"
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "group", "organization", "environment", "role"],
                name="group_gives_a_role_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.group}: {self.get_role_display()} of {self.environment or self.organization}"


class GroupTeam(models.Model):
    """A team that the members of a provider's group are in, for as long as they are in the group."""

    provider = models.ForeignKey(IdentityProvider, models.CASCADE, related_name="group_teams")
    group = models.CharField(max_length=255)
    team = models.ForeignKey(Team, models.CASCADE, related_name="+")

    class Meta:
        ordering = ["group", "id"]
        verbose_name = "group's team"
        constraints = [
            models.UniqueConstraint(fields=["provider", "group", "team"], name="group_is_in_a_team_once")
        ]

    def __str__(self) -> str:
        return f"{self.group}: {self.team}"


class Identity(models.Model):
    """Whom a provider's subject is here. Another issuer's subjects are other people."""

    provider = models.ForeignKey(IdentityProvider, models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    user = models.ForeignKey(User, models.CASCADE, related_name="identities")
    email = models.CharField(max_length=254, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_login_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(fields=["provider", "issuer", "subject"], name="subject_is_one_user")
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.provider}"


class ProvidedRole(models.Model):
    """A role that somebody has by a provider, and loses with its group. Others were given by hand."""

    role = models.ForeignKey(Role, models.CASCADE, related_name="provided")
    identity = models.ForeignKey(Identity, models.CASCADE, related_name="provided")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["role", "identity"], name="role_is_provided_once")]

    def __str__(self) -> str:
        return f"{self.role}, by {self.identity.provider}"


class ProvidedMembership(models.Model):
    """A membership that somebody has by a provider, and loses with its group. Others were given by hand."""

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="provided")
    identity = models.ForeignKey(Identity, models.CASCADE, related_name="provided_memberships")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "identity"], name="membership_is_provided_once")
        ]

    def __str__(self) -> str:
        return f"{self.membership}, by {self.identity.provider}"
