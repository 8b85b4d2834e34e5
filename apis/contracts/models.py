"""Who may call an API, and how much: client applications, contracts with APIs, and the tiers of those."""

import secrets
from datetime import datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from apis import granted
from apis.contracts.limits import Limit, read, words
from apis.contracts.terms import Terms
from apis.models import ApiInstance
from console.fields import LineField
from console.models import Organization, User
from console.permissions import Permission
from console.teams.models import Team


class ApplicationQuerySet(models.QuerySet["Application"]):
    def visible_to(self, user: User) -> "ApplicationQuerySet":
        """Those of organizations in which the user holds a role, and those that the user owns in person: a
        connected app sees what it was granted.
        """
        seen = Q(organization__in=Organization.objects.visible_to(user, Permission.VIEW_CONTRACTS))
        return self.filter(seen if user.through else seen | Q(pk__in=_owned(user)))

    def owned_by(self, user: User) -> "ApplicationQuerySet":
        """Those that the user owns in person, or as a member of a team today."""
        return self.filter(pk__in=_owned(user))


class Application(models.Model):
    """A client application of an organization. It calls APIs as `client_id`, with one of its secrets."""

    MOST_OWNERS = 50

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="applications")
    name = LineField(max_length=255)
    description = models.TextField(blank=True)
    url = models.URLField("application URL", max_length=1024, blank=True)
    redirect_uris = ArrayField(models.CharField(max_length=1024), default=list, blank=True)
    grant_types = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    client_id = models.CharField(max_length=64, unique=True, default=secrets.token_hex, editable=False)
    owners = models.ManyToManyField(User, blank=True, related_name="applications")
    teams = models.ManyToManyField(
        Team, blank=True, related_name="applications", help_text="Whose members own it, too."
    )
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="From then on none of its contracts lets it pass; empty: never."
    )
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        verbose_name = "client application"
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="application_name_is_unique")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def owner_names(self) -> list[str]:
        """People first, then teams."""
        people = [one.get_full_name() or one.get_username() for one in self.owners.all()]
        return [*people, *(f"team {one}" for one in self.teams.all())]

    @property
    def ends(self) -> str:
        """The day on which it expires."""
        return f"{self.expires_at:%-d %b %Y}" if self.expires_at else ""


class ClientSecretQuerySet(models.QuerySet["ClientSecret"]):
    def live(self, now: datetime | None = None) -> "ClientSecretQuerySet":
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now or timezone.now()))


class ClientSecret(models.Model):
    """A secret of an application. Only its digest is kept: nobody can read it, and gateways can check it.

    After a reset the one before goes on until it expires, so that two are live.
    """

    application = models.ForeignKey(Application, models.CASCADE, related_name="secrets")
    digest = models.CharField(max_length=64, editable=False, help_text="SHA-256, hexadecimal.")
    hint = models.CharField(max_length=4, blank=True, editable=False, help_text="Its last characters.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: with the application.")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ClientSecretQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"secret of {self.application}"


class Tier(models.Model):
    """How much an application may ask of an API. `limits` are rows as REST has them:
    `{maximumRequests, timePeriodInMilliseconds, visible}`; all of them hold.
    """

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE", "Active"
        DEPRECATED = "DEPRECATED", "Deprecated"

    MOST_LIMITS = 8

    api = models.ForeignKey(ApiInstance, models.CASCADE, related_name="tiers")
    name = LineField(max_length=120)
    description = models.TextField(blank=True)
    limits = models.JSONField(default=list)
    approves_by_itself = models.BooleanField(
        "approves requests by itself", default=False, help_text="Nobody has to approve who asks for it."
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["id"]
        verbose_name = "SLA tier"
        constraints = [models.UniqueConstraint(fields=["api", "name"], name="tier_name_is_unique")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE

    @property
    def words(self) -> str:
        """All of its limits: "100 a minute, 5,000 a day"."""
        return words(read(self.limits))

    @property
    def hides_some(self) -> bool:
        return len(self.visible_limits) < len(self.limits)

    @property
    def visible_limits(self) -> list[Limit]:
        return [one for one in read(self.limits) if one.is_visible]

    @property
    def told(self) -> str:
        """The limits that consumers are told."""
        return words(self.visible_limits)


WAITS = Q(status="PENDING") | Q(status="APPROVED", requested_tier__isnull=False)
"""Somebody is to decide about it: it asks for access, or for another tier."""


def new_mark() -> int:
    return secrets.randbits(62)


class ContractQuerySet(models.QuerySet["Contract"]):
    def visible_to(self, user: User) -> "ContractQuerySet":
        """Those with APIs of environments that the user sees, and of applications that the user owns."""
        seen = granted.apis(user.held(), Permission.VIEW_CONTRACTS, "api__")
        return self.filter(seen if user.through or not seen else seen | Q(application__in=_owned(user)))

    def waiting(self) -> "ContractQuerySet":
        """Those of which somebody is to decide, found by an index of their own."""
        return self.filter(WAITS)

    def in_force(self, now: datetime | None = None) -> "ContractQuerySet":
        """Those by which a gateway lets somebody pass."""
        at = now or timezone.now()
        own = Q(expires_at=None) | Q(expires_at__gt=at)
        applications = Q(application__expires_at=None) | Q(application__expires_at__gt=at)
        return self.filter(own, applications, status=Contract.Status.APPROVED)


class Contract(models.Model):
    """An application's grant to call an API, or its request for one: one for each application and API.

    `requested_tier` is the tier that a pending one asks for, or that an approved one would rather have.
    """

    class Status(models.TextChoices):
        PENDING = "PENDING", "Pending"
        APPROVED = "APPROVED", "Approved"
        REJECTED = "REJECTED", "Rejected"
        REVOKED = "REVOKED", "Revoked"

    LONGEST_REASON = 500

    application = models.ForeignKey(Application, models.CASCADE, related_name="contracts")
    api = models.ForeignKey(ApiInstance, models.CASCADE, related_name="contracts")
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    tier = models.ForeignKey(Tier, models.RESTRICT, null=True, blank=True, related_name="contracts")
    requested_tier = models.ForeignKey(Tier, models.SET_NULL, null=True, blank=True, related_name="requests")
    reason = models.CharField(max_length=LONGEST_REASON, blank=True, help_text="Why access is asked for.")
    answer = models.CharField(
        max_length=LONGEST_REASON, blank=True, help_text="What whoever decided last had to say."
    )
    accepted_terms = models.BooleanField(default=False)
    terms = models.ForeignKey(
        Terms,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="contracts",
        help_text="The version that was agreed to; empty where there was no text.",
    )
    accepted_at = models.DateTimeField("terms accepted", null=True, blank=True, editable=False)
    requested_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, editable=False, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    approved_at = models.DateTimeField(null=True, blank=True, editable=False)
    rejected_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    mark = models.BigIntegerField(
        default=new_mark,
        db_default=0,
        editable=False,
        help_text="Other with every change of what gateways know of it: what was made of it before is had "
        "again by it.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    objects = ContractQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["application", "api"], name="contract_is_one_of_both")]
        indexes = [
            models.Index(fields=["api", "status", "-created_at"]),
            models.Index(fields=["application"], condition=WAITS, name="contract_waits"),
        ]

    def __str__(self) -> str:
        return f"{self.application} with {self.api}"


class HiddenApi(models.Model):
    """Consumers do not find it: who has no role there cannot ask for it. Contracts that there are go on."""

    api = models.OneToOneField(ApiInstance, models.CASCADE, related_name="hidden")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "hidden API"

    def __str__(self) -> str:
        return str(self.api)


def _owned(user: User) -> models.QuerySet[Any, Any]:
    """The keys of applications. A union, so that each half is looked up by its index."""
    in_person = Application.owners.through.objects.filter(user_id=user.pk).values("application")
    by_team = Application.teams.through.objects.filter(team__memberships__user=user).values("application")
    return in_person.union(by_team)
