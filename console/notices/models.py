"""What people are told: notices of their inbox, and what waits to be sent to mailboxes and destinations."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from console.fields import EncryptedJSONField, LineField
from console.models import Environment, Organization, User
from console.notices import kinds
from console.permissions import Permission

A_DAY = timedelta(days=1)
UNTOUCHED = timedelta(minutes=3)


class NoticeQuerySet(models.QuerySet["Notice"]):
    def unread(self) -> "NoticeQuerySet":
        return self.filter(read_at=None)

    def search(self, text: str) -> "NoticeQuerySet":
        return self.filter(Q(subject__icontains=text) | Q(text__icontains=text)) if text else self


class Notice(models.Model):
    """What one person was told in the console."""

    user = models.ForeignKey(User, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=40)
    organization = models.ForeignKey(Organization, models.CASCADE, null=True, related_name="+")
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, related_name="+")
    subject = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    link = models.CharField(max_length=500, blank=True, help_text="A path of this console.")
    at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["user", "-at", "-id"]),
            models.Index(fields=["user"], name="notice_unread", condition=Q(read_at=None)),
            models.Index(fields=["at"]),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def label(self) -> str:
        return kinds.label(self.kind)


class Preference(models.Model):
    """Where a person wants to be told about a kind of thing; without one, as the kind says."""

    user = models.ForeignKey(User, models.CASCADE, related_name="notice_preferences")
    kind = models.CharField(max_length=40)
    inbox = models.BooleanField(default=True)
    mail = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "kind"], name="preference_is_one_of_a_kind")]

    def __str__(self) -> str:
        return f"{self.user}: {self.kind}"


class MailServer(models.Model):
    """Through which mails are sent: one row at most. The environment's setting goes before it."""

    class Security(models.TextChoices):
        STARTTLS = "starttls", "STARTTLS"
        TLS = "tls", "TLS from the first byte"
        NONE = "none", "None"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    host = models.CharField(max_length=253)
    port = models.PositiveIntegerField(default=587)
    security = models.CharField(max_length=8, choices=Security, default=Security.STARTTLS)
    username = models.CharField(max_length=254, blank=True)
    secret = EncryptedJSONField(default=str, blank=True, editable=False)
    sender = models.CharField(max_length=320)

    class Meta:
        verbose_name = "mail server"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="mail_server_is_one")]

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class DestinationQuerySet(models.QuerySet["Destination"]):
    def visible_to(self, user: User) -> "DestinationQuerySet":
        """Of environments where the user holds a role, and of organizations in or below which they do."""
        environments = Environment.objects.permitting(user, Permission.VIEW_ALERTS)
        return self.filter(
            Q(environment__in=environments)
            | Q(
                environment=None,
                organization__in=Organization.objects.visible_to(user, Permission.VIEW_ALERTS),
            )
        )

    def changeable_by(self, user: User) -> "DestinationQuerySet":
        """Those that the user's role lets them change."""
        return self.filter(
            Q(environment__in=Environment.objects.permitting(user, Permission.MANAGE_ALERTS))
            | Q(environment=None, organization__in=Organization.objects.where(user, Permission.MANAGE_ALERTS))
        )

    def usable_in(self, environment: Environment) -> "DestinationQuerySet":
        """The environment's own, and those of its organization and of the organizations above."""
        above = [uuid.UUID(one) for one in environment.organization.path.strip("/").split("/")]
        return self.filter(Q(environment=environment) | Q(environment=None, organization__in=above))


class Destination(models.Model):
    """Where programs are told: a webhook, Slack, or a service that Apprise knows. Its address is a secret."""

    class Type(models.TextChoices):
        WEBHOOK = "webhook", "Webhook"
        SLACK = "slack", "Slack"
        APPRISE = "apprise", "Apprise"

    name = LineField(max_length=120)
    type = models.CharField(max_length=8, choices=Type, default=Type.WEBHOOK)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="destinations")
    environment = models.ForeignKey(
        Environment, models.CASCADE, null=True, blank=True, related_name="destinations"
    )
    url = EncryptedJSONField(editable=False)
    hint = models.CharField(
        max_length=120, blank=True, editable=False, help_text="The service, nothing secret."
    )
    secret = EncryptedJSONField(default=str, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = DestinationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "environment", "name"],
                name="destination_name_is_unique",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return self.name


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, user: User) -> "DeliveryQuerySet":
        """Those of organizations that the user administers; all for a superuser."""
        if user.reaches_everything:
            return self
        return self.filter(
            organization__in=Organization.objects.where(user, Permission.ADMINISTER_ORGANIZATION)
        )

    def waiting(self) -> "DeliveryQuerySet":
        return self.filter(state=Delivery.State.WAITING)

    def due(self, now: datetime | None = None) -> "DeliveryQuerySet":
        return self.waiting().filter(next_at__lte=now or timezone.now()).order_by("next_at", "created_at")

    def untouched(self) -> "DeliveryQuerySet":
        """Due for so long, and never tried, that nobody seems to send."""
        return self.due(timezone.now() - UNTOUCHED).filter(attempts=0, is_held=False)

    def to_the_same(self, delivery: "Delivery") -> "DeliveryQuerySet":
        """By the same mail server, or to the same destination."""
        return self.filter(way=delivery.way, destination=delivery.destination_id)


def _in_a_day() -> datetime:
    return timezone.now() + A_DAY


class Delivery(models.Model):
    """One message to one mailbox or destination: written with the change it tells of, sent by a worker."""

    class Way(models.TextChoices):
        MAIL = "mail", "Mail"
        CHANNEL = "channel", "Destination"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        FAILED = "failed", "Not sent"
        DROPPED = "dropped", "Dropped"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    way = models.CharField(max_length=8, choices=Way)
    organization = models.ForeignKey(Organization, models.CASCADE, null=True, related_name="+")
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    address = models.CharField(max_length=320, blank=True)
    destination = models.ForeignKey(Destination, models.CASCADE, null=True, related_name="deliveries")
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=200)
    content = EncryptedJSONField(default=dict, editable=False)
    """`text`, `link` and `payload`. Links of invitations and resets are as good as passwords."""
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    answer = models.CharField(max_length=500, blank=True, help_text="What the other side said last.")
    is_held = models.BooleanField(default=False, help_text="It waits for a server that is away.")
    created_at = models.DateTimeField(default=timezone.now)
    next_at = models.DateTimeField(default=timezone.now)
    gives_up_at = models.DateTimeField(default=_in_a_day)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["next_at", "created_at"], name="delivery_due", condition=Q(state="waiting")),
            models.Index(fields=["organization", "-created_at", "-id"]),
            models.Index(fields=["-created_at", "-id"]),
            models.Index(fields=["destination", "-created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.subject} to {self.to}"

    @property
    def to(self) -> str:
        return str(self.destination) if self.destination else self.address

    @property
    def is_waiting(self) -> bool:
        return self.state == self.State.WAITING

    @property
    def label(self) -> str:
        return kinds.label(self.kind)

    @property
    def tone(self) -> str:
        tones: dict[str, Any] = {"waiting": "busy", "sent": "ok", "failed": "bad"}
        if self.is_waiting and self.attempts:
            return "warn"
        return tones.get(self.state, "")
