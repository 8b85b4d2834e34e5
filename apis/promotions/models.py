"""Which API is whose counterpart in another environment, what is otherwise there, what was promoted, files
that are to be imported, and what environments are compared by.
"""

import uuid
from datetime import timedelta

from django.db import models
from django.urls import reverse
from django.utils import timezone

from apis.models import ApiInstance
from console.fields import EncryptedJSONField
from console.models import Environment, User


class Counterpart(models.Model):
    """An API and what it became elsewhere. An API is made of one other; the origin may have several."""

    origin = models.ForeignKey(ApiInstance, models.CASCADE, related_name="counterparts")
    copy = models.OneToOneField(ApiInstance, models.CASCADE, related_name="promoted_from")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.origin} in {self.copy.environment}"


class Mapped(models.Model):
    """What something of one environment is in another one: learned from the last promotion, asked no more."""

    class Kind(models.TextChoices):
        UPSTREAM = "upstream", "Upstream"
        HOST = "host", "Host"
        TLS = "tls", "TLS context"
        PORT = "port", "Port"
        GATEWAY = "gateway", "Gateway"
        SECRET = "secret", "Shared secret"

    source = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    target = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind)
    was = models.CharField(max_length=1024)
    becomes = models.CharField(max_length=1024, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["kind", "was"]
        verbose_name = "mapping of environments"
        constraints = [
            models.UniqueConstraint(fields=["source", "target", "kind", "was"], name="mapped_once")
        ]

    def __str__(self) -> str:
        return f"{self.was} is {self.becomes} in {self.target}"


class Promotion(models.Model):
    """That an API was made, or brought up to date, by another one or by a file. `before` is all of it, with
    its secrets: what taking it back makes of it again; empty where it was made. `left` is a digest of what
    it was afterwards.
    """

    KEEP = timedelta(days=30)

    api = models.ForeignKey(ApiInstance, models.CASCADE, related_name="promotions")
    made_it = models.BooleanField(help_text="Whether there was no API before.")
    origin = models.ForeignKey(ApiInstance, models.SET_NULL, null=True, related_name="+")
    told = models.CharField(max_length=500, help_text="Where it came from, in words.")
    before = EncryptedJSONField(default=None, null=True)
    left = models.CharField(max_length=64)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    taken_back_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.told


class Upload(models.Model):
    """A file that somebody imports: read by a worker, then shown with what it would change."""

    KEEP = timedelta(days=1)
    PATIENCE = timedelta(seconds=10)
    WORKED = timedelta(minutes=5)

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        READING = "reading", "Being read"
        READ = "read", "Read"
        REFUSED = "refused", "Refused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    by = models.ForeignKey(User, models.CASCADE, related_name="+")
    name = models.CharField(max_length=255)
    text = EncryptedJSONField(
        default="", help_text="It may hold credentials of tests. Empty once it is read."
    )
    size = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    apis = EncryptedJSONField(default=list)
    documents = models.JSONField(default=dict, help_text="By the place of an API, the id of its document.")
    faults = models.JSONField(default=list, help_text="[line, message] of each.")
    done = models.JSONField(default=dict, help_text="By the place of an API, the id of what was made of it.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "imported file"
        indexes = [models.Index(fields=["environment", "by", "created_at"], name="upload_by_user")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("api_import", args=[self.pk])

    @property
    def is_unread(self) -> bool:
        return self.state in (self.State.WAITING, self.State.READING)

    @property
    def is_kept_waiting(self) -> bool:
        return self.state == self.State.WAITING and timezone.now() - self.created_at > self.PATIENCE


class Compared(models.Model):
    """Digests of the parts of an API, by which it is compared with another one; `digests` makes them.

    The database counts in `changes` each change of what they are made of, by triggers: whoever makes it, they
    hold for no other count than theirs.
    """

    api = models.OneToOneField(
        ApiInstance,
        models.DO_NOTHING,
        primary_key=True,
        db_constraint=False,
        related_name="+",
        help_text="The database adds the row with the API's, and deletes it with it.",
    )
    changes = models.BigIntegerField(default=0)
    told_at = models.BigIntegerField(null=True, help_text="The count of changes that the digests are of.")
    form = models.CharField(max_length=64, blank=True, help_text="How they were made.")
    routes = models.BigIntegerField(null=True, help_text="Of all but what is called otherwise elsewhere.")
    route_names = models.JSONField(null=True, help_text="[kind, name] of that, in its order.")
    policies = models.BigIntegerField(null=True)
    policy_names = models.JSONField(null=True)
    tiers = models.BigIntegerField(null=True)
    terms = models.BigIntegerField(null=True, help_text="Of its own; empty where it has none.")

    class Meta:
        verbose_name = "digest of an API"
        verbose_name_plural = "digests of APIs"

    def __str__(self) -> str:
        return f"digests of API {self.api_id}"
