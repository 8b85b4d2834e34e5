"""Gateways, their replicas, and what each replica said it runs."""

import re
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from console.fields import EncryptedJSONField
from console.links import link
from console.models import Environment, User
from console.permissions import Permission

NAME = re.compile(r"^(?![-0-9])([a-z0-9-]{2,41}[a-z0-9])?$")


class GatewayQuerySet(models.QuerySet["Gateway"]):
    def visible_to(self, user: User) -> "GatewayQuerySet":
        return self.filter(environment__in=Environment.objects.permitting(user, Permission.VIEW_GATEWAYS))

    def connected(self) -> "GatewayQuerySet":
        """Those with a replica that reports."""
        return self.filter(pk__in=Replica.objects.connected().values("gateway"))

    def with_figures(self) -> "GatewayQuerySet":
        """Adds `live_count`, `replica_count` (without those that said goodbye), `versions`, `api_count`,
        `heard_at` (the newest heartbeat; None before the first).
        """
        own = Replica.objects.order_by().filter(gateway=OuterRef("pk"))
        live = own.connected()
        apis = Gateway.objects.order_by().filter(pk=OuterRef("pk")).annotate(n=Count("api_instances"))
        return self.annotate(
            live_count=_count(live),
            replica_count=_count(own.filter(stopped_at=None)),
            versions=ArraySubquery(live.values("version").distinct().order_by("version")),
            api_count=Subquery(apis.values("n")),
            heard_at=Subquery(own.order_by("-last_heartbeat_at").values("last_heartbeat_at")[:1]),
        )


class Gateway(models.Model):
    """Registered once, one configuration; `generation` grows with every change to what it should run."""

    class Platform(models.TextChoices):
        LINUX = "linux", "Linux"
        DOCKER = "docker", "Docker"
        KUBERNETES = "kubernetes", "Kubernetes"

    class PathSlashes(models.TextChoices):
        DEFAULT = "default", "As its processes were told"
        AS_SENT = "as-sent", "As sent"
        NORMALIZE = "normalize", "Normalize"
        REFUSE = "refuse", "Refuse"

    class Status(models.TextChoices):
        CONNECTED = "connected", "Connected"
        DISCONNECTED = "disconnected", "Disconnected"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="gateways")
    name = models.CharField(
        max_length=42,
        validators=[
            RegexValidator(
                NAME, "Use 3 to 42 lower-case letters, digits and hyphens, starting with a letter."
            )
        ],
    )
    platform = models.CharField(max_length=12, choices=Platform, default=Platform.LINUX)
    public_key = models.TextField(help_text="PEM; verifies what the gateway's replicas sign.")
    generation = models.BigIntegerField(default=0)
    digest = models.CharField(
        max_length=64, blank=True, help_text="Of the snapshot last built, at that generation."
    )
    built_generation = models.BigIntegerField(default=0)
    noting_generation = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="Of a change of which is still to be noted which APIs it changed; 0 for none.",
    )
    is_revoked = models.BooleanField(default=False)
    trusted_networks = models.JSONField(
        default=list, blank=True, help_text="Of the proxies before it, whose word on the caller it takes."
    )
    trusted_hops = models.PositiveSmallIntegerField(
        default=0, help_text="How many proxies each request passes, where the networks do not tell."
    )
    uses_proxy_protocol = models.BooleanField(
        default=False, help_text="Whether connections begin with the PROXY protocol's header."
    )
    path_slashes = models.CharField(
        max_length=12,
        choices=PathSlashes,
        default=PathSlashes.DEFAULT,
        help_text="What becomes of %2F, %5C and // in paths.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = GatewayQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["environment", "name"], name="gateway_name_is_unique")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return link("gateway", [self.pk])

    @property
    def status(self) -> "Gateway.Status":
        live = any(replica.is_connected for replica in self.replicas.all())
        return Gateway.Status.CONNECTED if live else Gateway.Status.DISCONNECTED


class RegistrationTokenQuerySet(models.QuerySet["RegistrationToken"]):
    def visible_to(self, user: User) -> "RegistrationTokenQuerySet":
        return self.filter(environment__in=Environment.objects.permitting(user, Permission.MANAGE_GATEWAYS))


class RegistrationToken(models.Model):
    """A one-time token that lets `gatewright registration create` make a gateway; stored hashed."""

    LIFETIME = timedelta(hours=24)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="registration_tokens")
    gateway_name = models.CharField(max_length=42, blank=True)
    platform = models.CharField(max_length=12, choices=Gateway.Platform, default=Gateway.Platform.LINUX)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    gateway = models.ForeignKey(Gateway, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = RegistrationTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.gateway_name or 'any name'} in {self.environment}"

    @property
    def is_expired(self) -> bool:
        return self.used_at is None and self.expires_at <= timezone.now()


class ReplicaQuerySet(models.QuerySet["Replica"]):
    def connected(self) -> "ReplicaQuerySet":
        return self.filter(stopped_at=None, last_heartbeat_at__gte=heard_since())


class Replica(models.Model):
    """One running process of a gateway (agent and Envoy), as its last heartbeat described it."""

    id = models.UUIDField(primary_key=True)
    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="replicas")
    name = models.CharField(max_length=120)
    version = models.CharField(max_length=40)
    envoy_version = models.CharField(max_length=40, blank=True)
    control_url = models.URLField(
        blank=True, help_text="Where its probes answer, in its own words; the console sends nothing there."
    )
    has_stream = models.BooleanField(
        default=False, help_text="Whether it holds the stream down which changes come at once."
    )
    started_at = models.DateTimeField()
    first_seen_at = models.DateTimeField(auto_now_add=True)
    last_heartbeat_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, help_text="When it said goodbye; empty while it runs.")
    generation = models.BigIntegerField(default=0, help_text="Of the snapshot it runs.")
    digest = models.CharField(max_length=64, blank=True)
    contracts_generation = models.BigIntegerField(
        default=0, db_default=0, help_text="Of the contracts that count there."
    )
    contracts_digest = models.CharField(max_length=64, blank=True, default="", db_default="")
    envoy = models.JSONField(default=dict, help_text="Envoy's own state: pid, uptime, version, listeners.")

    objects = ReplicaQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_connected(self) -> bool:
        return self.stopped_at is None and self.last_heartbeat_at >= heard_since()

    @property
    def envoy_state(self) -> str:
        """Envoy's own word: LIVE, DRAINING, or DOWN when it does not answer its agent."""
        return str(self.envoy.get("state", ""))


class Book(models.Model):
    """The contracts that a gateway has to know. `generation` grows with every change of them; the others are
    of what was made for the gateway last.
    """

    gateway = models.OneToOneField(Gateway, models.CASCADE, primary_key=True, related_name="book")
    generation = models.BigIntegerField(default=0)
    built_generation = models.BigIntegerField(default=0, editable=False)
    digest = models.CharField(max_length=64, blank=True, editable=False)
    pushed_generation = models.BigIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = "book of contracts"
        verbose_name_plural = "books of contracts"

    def __str__(self) -> str:
        return f"contracts of {self.gateway}"


class Deployment(models.Model):
    """One attempt to bring a gateway to a snapshot."""

    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="deployments")
    generation = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    resources_count = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    pushed_at = models.DateTimeField(null=True, help_text="When it was sent down the gateway's streams.")

    class Meta:
        ordering = ["-generation"]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "generation"], name="deployment_per_generation")
        ]

    def __str__(self) -> str:
        return f"{self.gateway} generation {self.generation}"


class Ack(models.Model):
    """A replica's answer to a deployment."""

    deployment = models.ForeignKey(Deployment, models.CASCADE, related_name="acks")
    replica = models.ForeignKey(Replica, models.CASCADE, related_name="acks")
    applied = models.BooleanField()
    reason = models.TextField(blank=True)
    refused = models.JSONField(
        default=dict,
        db_default={},
        help_text="The APIs that were not applied with the others, each with the reason.",
    )
    duration_ms = models.PositiveIntegerField(null=True)
    at = models.DateTimeField(default=timezone.now)
    first_at = models.DateTimeField(
        null=True, help_text="When it answered first; it answers again where an API of it fares otherwise."
    )

    class Meta:
        ordering = ["-at"]
        constraints = [
            models.UniqueConstraint(fields=["deployment", "replica"], name="ack_per_deployment_and_replica")
        ]

    def __str__(self) -> str:
        verb = "applied" if self.applied else "refused"
        return f"{self.replica} {verb} generation {self.deployment.generation}"


class ResourceStatus(models.Model):
    """What one replica last said of one ApiInstance, never more than its ack told."""

    class State(models.TextChoices):
        APPLIED = "applied", "Applied"
        REFUSED = "refused", "Refused"

    replica = models.ForeignKey(Replica, models.CASCADE, related_name="resource_statuses")
    namespace = models.CharField(max_length=120)
    name = models.CharField(max_length=255)
    state = models.CharField(max_length=8, choices=State)
    reason = models.TextField(blank=True, help_text="The gateway's own words when refused.")
    generation = models.BigIntegerField(help_text="Of the snapshot this answer was about.")
    running_generation = models.BigIntegerField(
        null=True, help_text="Of the version that serves; empty when none does."
    )
    since = models.DateTimeField(help_text="Since when it has been in this state.")

    class Meta:
        verbose_name_plural = "resource statuses"
        constraints = [
            models.UniqueConstraint(fields=["replica", "namespace", "name"], name="one_status_per_resource")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.state} on {self.replica}"


class SeenToken(models.Model):
    """The id of a signed request already answered: a second one with it is a replay."""

    jti = models.CharField(primary_key=True, max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.jti


class ConsoleKey(models.Model):
    """The key pair with which the console signs what it asks of replicas. There is one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    public_key = models.TextField()
    private_key = EncryptedJSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return "console key"


def _count(rows: models.QuerySet[Any]) -> Coalesce:
    """How many of these rows, each with the same gateway, there are: a subquery."""
    counted = rows.values("gateway").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


def heard_since() -> datetime:
    """A replica that was last heard before this counts as Disconnected."""
    return timezone.now() - timedelta(seconds=3 * settings.HEARTBEAT_SECONDS)
