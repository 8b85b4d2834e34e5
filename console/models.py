"""Who may do what where, and what was done: users, organizations, environments, roles, audit."""

import hashlib
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.http import Http404
from django.utils import timezone

from console.deploys import Deploying
from console.nouns import NOUNS


@dataclass(frozen=True)
class Grant:
    """A role that holds in an organization and all below it or, with an environment, there alone."""

    name: str
    path: str
    organization_id: uuid.UUID
    environment_id: uuid.UUID | None = None

    def covers(self, other: "Grant") -> bool:
        """Whether who has this one may do all that the other one permits."""
        if Role.RANKS[self.name] < Role.RANKS[other.name]:
            return False
        if self.environment_id:
            return self.environment_id == other.environment_id
        return other.path.startswith(self.path)


class User(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    must_change_password = models.BooleanField(
        default=False,
        help_text="The password was generated or given by somebody else: the next login asks for a new one.",
    )

    through: "ConnectedApp | None" = None
    """The connected app by which this request came, whose grants limit what the user may do."""

    @property
    def reaches_everything(self) -> bool:
        """Whether no grant limits this user: a superuser in person."""
        return self.is_superuser and self.through is None

    def grants(self) -> list[Grant]:
        """What the user may do where. Through a connected app, what both it and the user were granted."""
        own = [
            Grant(role.name, role.organization.path, role.organization_id, role.environment_id)
            for role in self.roles.select_related("organization")
        ]
        if self.through is None:
            return own
        asked = self.through.grants()
        if self.is_superuser:
            return asked
        return [grant for grant in asked if any(one.covers(grant) for one in own)]

    def organizations(self) -> "OrganizationQuerySet":
        """The organizations in which this user may see anything."""
        return Organization.objects.visible_to(self)


class OrganizationQuerySet(models.QuerySet["Organization"]):
    def visible_to(self, user: User) -> "OrganizationQuerySet":
        """Organizations where the user holds a role, and below; for a role in an environment, its own."""
        if user.reaches_everything:
            return self
        reach = [
            Q(pk=grant.organization_id) if grant.environment_id else Q(path__startswith=grant.path)
            for grant in user.grants()
        ]
        return self.filter(_any(reach)) if reach else self.none()

    def where(self, user: User, *names: str) -> "OrganizationQuerySet":
        """Organizations in all of which the user holds one of these roles, here or above."""
        if user.reaches_everything:
            return self
        below = [
            Q(path__startswith=grant.path)
            for grant in user.grants()
            if grant.name in names and grant.environment_id is None
        ]
        return self.filter(_any(below)) if below else self.none()


class Organization(models.Model):
    """A tenant or, with a parent, a business group of one. `path` is the ids from the root down."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    path = models.TextField(editable=False, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.path = f"{self.parent.path if self.parent else ''}{self.pk}/"
        super().save(*args, **kwargs)

    def lock(self) -> None:
        """Let one change at a time of what has its names in here, until the transaction ends."""
        list(Organization.objects.select_for_update(no_key=True).filter(pk=self.pk))

    @property
    def root_id(self) -> uuid.UUID:
        return uuid.UUID(self.path.split("/")[0])

    @property
    def depth(self) -> int:
        """0 for a tenant, 1 for a business group of it, and so on."""
        return self.path.count("/") - 1


class EnvironmentQuerySet(models.QuerySet["Environment"]):
    def visible_to(self, user: User) -> "EnvironmentQuerySet":
        """Environments in which the user holds a role, directly or through an organization above."""
        return self.permitting(user, Role.Name.values)

    def permitting(self, user: User, names: Iterable[str]) -> "EnvironmentQuerySet":
        """Environments in which the user holds one of these roles."""
        if user.reaches_everything:
            return self
        wanted = set(names)
        reach = [
            Q(pk=grant.environment_id)
            if grant.environment_id
            else Q(organization__path__startswith=grant.path)
            for grant in user.grants()
            if grant.name in wanted
        ]
        return self.filter(_any(reach)) if reach else self.none()


class Environment(Deploying):
    """A deployment scope inside an organization."""

    class Type(models.TextChoices):
        SANDBOX = "sandbox"
        PRODUCTION = "production"
        DESIGN = "design"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="environments")
    name = models.CharField(max_length=120)
    type = models.CharField(max_length=12, choices=Type, default=Type.SANDBOX)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EnvironmentQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="environment_name_is_unique")
        ]

    def __str__(self) -> str:
        return self.name

    def lock(self) -> None:
        """Keep it from being deleted until the transaction ends. Raises Http404 when it was meanwhile."""
        if not list(Environment.objects.select_for_update(no_key=True).filter(pk=self.pk)):
            raise Http404(f"Environment {self.pk} of organization {self.organization_id} not found.")

    def permits(self, user: User, *names: str) -> bool:
        """Whether the user holds one of these roles here."""
        if user.reaches_everything:
            return True
        return Environment.objects.filter(pk=self.pk).permitting(user, names).exists()

    def roles_of(self, user: User) -> set[str]:
        """Every role the user holds here, directly or through an organization above."""
        if user.reaches_everything:
            return set(Role.Name.values)
        here = self.organization.path
        return {
            grant.name
            for grant in user.grants()
            if grant.environment_id == self.pk
            or (grant.environment_id is None and here.startswith(grant.path))
        }


class Role(models.Model):
    """A user's role in an organization and all below it, or in one environment alone."""

    class Name(models.TextChoices):
        ADMINISTRATOR = "administrator", "Administrator"
        MANAGER = "manager", "Manager"
        VIEWER = "viewer", "Viewer"

    EDITORS = (Name.ADMINISTRATOR, Name.MANAGER)
    RANKS: dict[str, int] = {Name.VIEWER: 1, Name.MANAGER: 2, Name.ADMINISTRATOR: 3}

    user = models.ForeignKey(User, models.CASCADE, related_name="roles")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="roles")
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, blank=True, related_name="roles")
    name = models.CharField(max_length=16, choices=Name)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organization", "environment", "name"],
                name="role_is_given_once",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.name} of {self.environment or self.organization}"


class ConnectedApp(models.Model):
    """A machine's credentials for the REST interface.

    It acts for its owner, but may do no more than its own role permits, in the environments chosen for it,
    until it expires; and nothing that its owner may not do.
    """

    client_id = models.CharField(primary_key=True, max_length=64, default=secrets.token_hex, editable=False)
    name = models.CharField(max_length=120)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="connected_apps")
    owner = models.ForeignKey(User, models.CASCADE, related_name="connected_apps")
    role = models.CharField(max_length=16, choices=Role.Name, default=Role.Name.VIEWER)
    in_every_environment = models.BooleanField(
        default=False, help_text="Of the organization and of the business groups below, new ones too."
    )
    environments = models.ManyToManyField(Environment, blank=True, related_name="+")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: it never expires.")
    secret_hash = models.CharField(max_length=64, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def grants(self) -> list[Grant]:
        """What it was granted; none once it has expired, or when its last environment is gone."""
        if self.has_expired:
            return []
        if self.in_every_environment:
            return [Grant(self.role, self.organization.path, self.organization_id)]
        return [
            Grant(self.role, one.organization.path, one.organization_id, one.pk)
            for one in self.environments.select_related("organization")
        ]

    def renew_secret(self, secret: str = "") -> str:
        """A new secret, to be shown once; the one before stops working."""
        secret = secret or secrets.token_urlsafe(32)
        self.secret_hash = digest(secret)
        return secret


class AccessToken(models.Model):
    """A bearer token, stored hashed."""

    LIFETIME_SECONDS = 3600

    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="access_tokens")
    connected_app = models.ForeignKey(ConnectedApp, models.CASCADE, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.user} until {self.expires_at:%Y-%m-%d %H:%M}"

    @property
    def is_live(self) -> bool:
        return self.expires_at > timezone.now() and not (
            self.connected_app and self.connected_app.has_expired
        )


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def visible_to(self, user: User) -> "AuditEntryQuerySet":
        """Entries of the user's environments, and of organizations in all of which they hold a role. Those of
        no organization are for who reaches everything.
        """
        if user.reaches_everything:
            return self
        environments = Environment.objects.visible_to(user)
        organizations = Organization.objects.where(user, *Role.Name.values)
        return self.filter(
            Q(environment__in=environments) | Q(environment=None, organization__in=organizations)
        )

    def about(self, kind: str, ids: Iterable[object]) -> "AuditEntryQuerySet":
        """Entries of objects of this kind, and of what belongs to them."""
        texts = [str(one) for one in ids]
        return self.filter(Q(object_type=kind, object_id__in=texts) | Q(of_type=kind, of_id__in=texts))

    def search(self, text: str) -> "AuditEntryQuerySet":
        """Those by, about or of something with this in its name, or with this id."""
        if not text:
            return self
        names = Q(object_name__icontains=text) | Q(of_name__icontains=text) | Q(actor_name__icontains=text)
        return self.filter(names | Q(object_id=text) | Q(of_id=text))


class AuditEntry(models.Model):
    """Who changed what, and how; written in the transaction of the change by `console.audit`."""

    class Action(models.TextChoices):
        CREATE = "create"
        UPDATE = "update"
        DELETE = "delete"
        LOGIN = "login"

    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    actor_name = models.CharField(max_length=160)
    organization = models.ForeignKey(Organization, models.CASCADE, null=True, related_name="+")
    environment = models.ForeignKey(Environment, models.SET_NULL, null=True, related_name="+")
    action = models.CharField(max_length=8, choices=Action)
    failed = models.BooleanField(default=False, db_default=False, help_text="It was tried, and refused.")
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=255)
    of_type = models.CharField(max_length=40, blank=True, default="", db_default="")
    of_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    of_name = models.CharField(
        max_length=255, blank=True, default="", db_default="", help_text="What the object belongs to."
    )
    diff = models.JSONField(default=dict)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["object_type", "object_id", "-at"]),
            models.Index(fields=["of_type", "of_id", "-at"]),
            models.Index(fields=["organization", "-at", "-id"]),
            models.Index(fields=["environment", "-at", "-id"]),
            models.Index(
                fields=["actor_name", "-at"],
                name="audit_actor",
                opclasses=["varchar_pattern_ops", "timestamptz_ops"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name} {self.action} {self.object_type} {self.object_name}"

    @property
    def verb(self) -> str:
        if self.action == self.Action.LOGIN:
            return "failed to log in as" if self.failed else "logged in as"
        return {"create": "created", "update": "changed", "delete": "deleted"}[self.action]

    @property
    def noun(self) -> str:
        """What kind of thing it was: "API instance", "gateway"."""
        return NOUNS.get(self.object_type, self.object_type)

    @property
    def of_noun(self) -> str:
        return NOUNS.get(self.of_type, self.of_type)


def digest(token: str) -> str:
    """How a bearer token or a client secret is stored: SHA-256, since each has 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def _any(conditions: Iterable[Q]) -> Q:
    whole = Q()
    for condition in conditions:
        whole |= condition
    return whole
