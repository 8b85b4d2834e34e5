"""Alerts: what is watched, where it stands, and what it raised."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from apis.models import ApiInstance
from console.fields import LineField
from console.grants import Held
from console.models import Environment, User
from console.permissions import Permission
from gateways.models import Gateway


class AlertQuerySet(models.QuerySet["Alert"]):
    def visible_to(self, user: User) -> "AlertQuerySet":
        """Of whoever holds a role for one API alone: that API's own."""
        return self.permitting(user.held())

    def permitting(self, held: Held) -> "AlertQuerySet":
        here = models.Q(environment__in=Environment.objects.allowing(held, Permission.VIEW_ALERTS))
        apis = held.apis(Permission.VIEW_ALERTS)
        return self.filter(here | models.Q(api__in=apis)) if apis else self.filter(here)

    def alerting(self, now: datetime | Now | None = None) -> "AlertQuerySet":
        """What somebody should look at: neither paused nor silenced."""
        return self.filter(is_enabled=True, state=Alert.State.ALERTING).exclude(
            silenced_until__gt=now or timezone.now()
        )


class Alert(models.Model):
    """A condition on traffic, gateways, certificates or deployments, and whom to tell when it begins to hold
    and when it no longer does.

    `state` is what the last round found; who shows it asks for `shown_state`.
    """

    class Type(models.TextChoices):
        REQUESTS = "requests", "Total request count"
        CODES = "codes", "Response codes"
        TIME = "time", "Average response time"
        VIOLATIONS = "violations", "Policy violation"
        PERCENTILE = "percentile", "Latency percentile"
        SLOW = "slow", "Slow requests"
        ERRORS = "errors", "Error rate"
        SILENT = "no-traffic", "No traffic"
        AWAY = "gateway-away", "Gateway disconnected"
        CERTIFICATE = "certificate", "Certificate ends"
        DEPLOYMENT = "deployment", "Deployment failed"
        UPSTREAM = "upstream", "Upstream unhealthy"

    class Severity(models.TextChoices):
        INFO = "info", "Info"
        WARNING = "warning", "Warning"
        CRITICAL = "critical", "Critical"

    class About(models.TextChoices):
        API = "api", "One API"
        TAG = "tag", "APIs with a tag"
        GATEWAY = "gateway", "One gateway"
        ENVIRONMENT = "environment", "Whole environment"

    class Operator(models.TextChoices):
        ABOVE = "above", "above"
        AT_LEAST = "at-least", "above or equal to"
        EQUAL = "equal", "equal to"
        AT_MOST = "at-most", "below or equal to"
        BELOW = "below", "below"

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        OK = "ok", "OK"
        ALERTING = "alerting", "Alerting"

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="alerts")
    name = LineField(max_length=120)
    type = models.CharField(max_length=12, choices=Type)
    severity = models.CharField(max_length=8, choices=Severity, default=Severity.WARNING)
    about = models.CharField(max_length=11, choices=About)
    api = models.ForeignKey(ApiInstance, models.CASCADE, null=True, blank=True, related_name="alerts")
    tag = LineField(max_length=60, blank=True)
    gateway = models.ForeignKey(Gateway, models.CASCADE, null=True, blank=True, related_name="alerts")
    is_together = models.BooleanField(
        "added up", default=False, help_text="Its APIs' traffic counts as one, and not each by itself."
    )
    operator = models.CharField(max_length=8, choices=Operator, default=Operator.ABOVE)
    threshold = models.FloatField(default=0, help_text="Requests, ms, percent or days, as its type counts.")
    window_minutes = models.PositiveIntegerField(default=5)
    periods = models.PositiveIntegerField(
        default=1, help_text="For so many windows on end the condition must hold."
    )
    codes = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    policies = ArrayField(
        models.CharField(max_length=120),
        default=list,
        blank=True,
        help_text="Names of the catalog; empty: any policy.",
    )
    percentile = models.PositiveSmallIntegerField(default=95)
    slower_ms = models.PositiveIntegerField(default=1000, help_text="From when on a request is slow.")
    users = ArrayField(models.UUIDField(), default=list, blank=True, help_text="Who is told, by id.")
    addresses = ArrayField(models.CharField(max_length=254), default=list, blank=True)
    destinations = ArrayField(
        models.BigIntegerField(), default=list, blank=True, help_text="Webhooks, Slack and others, by id."
    )
    subject = LineField(max_length=200)
    message = models.TextField()
    is_enabled = models.BooleanField(default=True, help_text="Else it is paused: nothing is looked at.")
    silenced_until = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.PENDING, editable=False)
    state_since = models.DateTimeField(default=timezone.now, editable=False)
    edition = models.PositiveIntegerField(
        default=0, editable=False, help_text="How often it was changed: a round that began before is left."
    )
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        indexes = [
            models.Index(fields=["environment", "name"], name="alert_by_name"),
            models.Index(fields=["environment", "state"], name="alert_by_state"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("alert", args=[self.pk])

    @property
    def window(self) -> timedelta:
        return timedelta(minutes=self.window_minutes)

    @property
    def held(self) -> timedelta:
        """How long the condition must have held, at each look, before it is raised."""
        return self.window * (self.periods - 1)

    @property
    def is_silenced(self) -> bool:
        return self.silenced_until is not None and self.silenced_until > timezone.now()

    @property
    def shown_state(self) -> str:
        """Pending, OK, Alerting, Paused or Silenced."""
        if not self.is_enabled:
            return "Paused"
        return "Silenced" if self.is_silenced else Alert.State(self.state).label

    @property
    def tone(self) -> str:
        """The colour that goes with it."""
        tones = {"OK": "ok", "Pending": "off", "Paused": "off", "Silenced": "info"}
        return tones.get(self.shown_state, "warn" if self.severity != Alert.Severity.CRITICAL else "bad")


class Incident(models.Model):
    """That an alert's condition holds for one API, gateway or certificate, or for all together: `key`.

    `since` is when it began to hold. Until it has held long enough, `raised_at` is empty: nobody has heard
    of it, and when it ends by then the row goes.
    """

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="incidents")
    key = models.CharField(max_length=60)
    name = models.CharField(max_length=255)
    since = models.DateTimeField()
    raised_at = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    value = models.FloatField(null=True, help_text="As it was raised.")
    newest = models.FloatField(null=True, help_text="As it was seen last.")
    calm = models.PositiveSmallIntegerField(default=0, help_text="Looks on end that did not find it.")
    is_told = models.BooleanField(default=False, help_text="Whether anybody was told that it was raised.")
    ending = models.CharField(max_length=120, blank=True, help_text="Why it ended, if not by itself.")

    class Meta:
        ordering = ["-since", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "key"],
                name="one_open_incident_of_each",
                condition=models.Q(resolved_at=None),
            )
        ]
        indexes = [
            models.Index(fields=["alert", "-raised_at"], name="incident_by_alert"),
            models.Index(fields=["resolved_at"], name="incident_by_end"),
            models.Index(fields=["key"], name="incident_open", condition=models.Q(resolved_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.name} since {self.since:%Y-%m-%d %H:%M}"

    @property
    def lasted(self) -> timedelta | None:
        """None while it goes on."""
        return self.resolved_at - (self.raised_at or self.since) if self.resolved_at else None


class Round(models.Model):
    """The last look at all alerts. There is one row, which is locked by who looks."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    until = models.DateTimeField(null=True, help_text="The end of the windows that were looked at.")
    took_ms = models.PositiveIntegerField(default=0)
    alerts = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"until {self.until:%Y-%m-%d %H:%M}" if self.until else "none yet"


KEPT = timedelta(days=90)
"""How long an incident that ended is kept."""


def forget_old(now: datetime | None = None) -> dict[str, Any]:
    """Incidents that ended long ago."""
    gone, _ = Incident.objects.filter(resolved_at__lt=(now or timezone.now()) - KEPT).delete()
    return {"incidents": gone}
