"""Personal tokens: what somebody's scripts use the REST interface with, in their place."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from console.digests import digest
from console.fields import LineField
from console.grants import Grant
from console.models import Environment, Organization, Role, User
from console.permissions import Permission, closed, words

PREFIX = "gwp_"
"""By which people and scanners of repositories know a token that lies where it should not."""
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class ByToken:
    """That a request came by this token; as a text, how the audit log says so."""

    token: "PersonalToken"

    def __str__(self) -> str:
        return f"token {self.token}"

    def grants(self) -> list[Grant]:
        return self.token.grants()


def new_secret() -> str:
    """256 bits, without the prefix."""
    return secrets.token_urlsafe(32)


class PersonalTokenQuerySet(models.QuerySet["PersonalToken"]):
    def live(self) -> "PersonalTokenQuerySet":
        return self.filter(ended_at=None, expires_at__gt=timezone.now())

    def administered_by(self, actor: User) -> "PersonalTokenQuerySet":
        """Those of people with a role where the actor administers, as far as they reach into that: one that
        is narrowed to an environment elsewhere is nobody's business here. Those of administrators of
        everything are for their like alone.
        """
        if actor.reaches_everything:
            return self
        here = Organization.objects.where(actor, Permission.ADMINISTER_ORGANIZATION)
        return self.reaching(here).filter(user__is_superuser=False)

    def reaching(self, organizations: Any) -> "PersonalTokenQuerySet":
        """Those of people with a role in one of these, that are not narrowed to an environment elsewhere."""
        people = User.objects.filter(Role.objects.filter(organization__in=organizations).holders())
        place = Q(environment=None) | Q(environment__organization__in=organizations)
        return self.filter(place, user__in=people)


class PersonalToken(models.Model):
    """Does what its user may do at the time of the call, as far as it was permitted, until it ends.

    Of the token itself the digest alone is kept. One that ended stays for a while, so that its form, sent
    again, does not bring it back.
    """

    MOST_LIVE = 50
    MOST_DAYS = 365
    LONGEST_NAME = 60
    KEPT = timedelta(days=30)
    """Once it is over; the audit log tells of it longer."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="personal_tokens")
    name = LineField(max_length=LONGEST_NAME)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    permissions = ArrayField(models.CharField(max_length=40), default=list)
    environment = models.ForeignKey(
        Environment, models.CASCADE, null=True, blank=True, related_name="+", help_text="Empty: anywhere."
    )
    with_factor = models.BooleanField(
        default=False, help_text="Made in a session that had proven a second factor."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    warn_at = models.DateTimeField(null=True, editable=False)
    """When its user is told that it ends soon; None once that is done."""
    last_used_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    ending = models.CharField(max_length=120, blank=True, editable=False, help_text="Why it ended early.")

    objects = PersonalTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = "personal token"
        indexes = [
            models.Index(fields=["user", "-created_at"], name="token_of_user"),
            models.Index(fields=["warn_at"], name="token_to_warn_of", condition=Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_live(self) -> bool:
        return self.ended_at is None and self.expires_at > timezone.now()

    @property
    def ends_soon(self) -> bool:
        """Its user was told so."""
        return self.warn_at is None

    @property
    def words(self) -> list[str]:
        """Its permissions as people read them, with what they imply."""
        return words(closed(self.permissions))

    @property
    def place(self) -> str:
        return f"{self.environment.organization} / {self.environment}" if self.environment else "anywhere"

    def grants(self) -> list[Grant]:
        """What it permits; what its user may not do, it does not either."""
        if not self.is_live:
            return []
        if self.environment is None:
            return [Grant(closed(self.permissions), "", None)]
        place = self.environment.organization
        return [Grant(closed(self.permissions), place.path, place.pk, self.environment_id)]

    def note_use(self) -> None:
        """Once a minute."""
        now = timezone.now()
        if self.last_used_at is None or self.last_used_at < now - SEEN_EVERY:
            PersonalToken.objects.filter(pk=self.pk).update(last_used_at=now)


def hashed(secret: str) -> str:
    """How it is stored; `secret` is without the prefix."""
    return digest(PREFIX + secret)
