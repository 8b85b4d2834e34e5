"""The private CA of an environment, for TLS between its gateways and upstreams, and what it has issued."""

from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from console.fields import EncryptedJSONField, LineField
from console.models import Environment, User


class Authority(models.Model):
    """One of its generations: who trusts the environment's CA trusts those that are not ended."""

    class State(models.TextChoices):
        NEXT = "next", "Trusted, issues later"
        CURRENT = "current", "Issues"
        PREVIOUS = "previous", "Trusted, issues no more"
        ENDED = "ended", "Ended"

    TRUSTED = (State.NEXT, State.CURRENT, State.PREVIOUS)

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="authorities")
    number = models.PositiveSmallIntegerField()
    certificate = models.TextField(help_text="PEM.")
    key = EncryptedJSONField(default="", help_text="PEM; empty once it is ended.")
    state = models.CharField(max_length=8, choices=State)
    expires_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        verbose_name = "private CA"
        verbose_name_plural = "private CAs"
        constraints = [
            models.UniqueConstraint(fields=["environment", "number"], name="authority_number_is_unique"),
            models.UniqueConstraint(
                fields=["environment", "state"],
                condition=~models.Q(state="ended"),
                name="authority_is_one_in_its_state",
            ),
        ]

    def __str__(self) -> str:
        return f"private CA {self.number} of {self.environment}"


class Issued(models.Model):
    """A certificate of a private CA: in a keystore, where it is renewed by itself, or downloaded once."""

    DAYS, MOST_DAYS = 30, 90

    authority = models.ForeignKey(Authority, models.CASCADE, related_name="issued")
    keystore = models.OneToOneField(
        "secret_groups.Secret", models.CASCADE, null=True, blank=True, related_name="issued"
    )
    name = LineField(max_length=64, help_text="The common name.")
    names = ArrayField(models.CharField(max_length=253), default=list, help_text="Hosts and addresses.")
    days = models.PositiveSmallIntegerField(default=DAYS)
    serial = models.CharField(max_length=40)
    expires_at = models.DateTimeField(db_index=True)
    trouble = models.CharField(max_length=500, blank=True, help_text="Why it was not renewed, if it was not.")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = "issued certificate"

    def __str__(self) -> str:
        return f"certificate for {self.name}"

    @property
    def renews_at(self) -> datetime:
        """When a third of its life is left."""
        return self.expires_at - timedelta(days=self.days) / 3

    @property
    def is_due(self) -> bool:
        return self.renews_at <= timezone.now()

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()
