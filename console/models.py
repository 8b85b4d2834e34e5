"""Who may do what where, and what was done: users, organizations, environments, roles, audit."""

import secrets
import uuid
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.http import Http404
from django.utils import timezone

from console.deploys import Deploying
from console.digests import digest
from console.fields import LineField
from console.grants import Grant, Held, Keeping, LimitedCredential, May, any_of, common
from console.nouns import noun
from console.permissions import BUILT_IN, OF_AN_API, Permission, closed
from console.role_places import CONSTRAINTS, RoleQuerySet, given_to


class User(Keeping, AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    must_change_password = models.BooleanField(
        default=False,
        help_text="The password was generated or given by somebody else: the next login asks for a new one.",
    )

    through: LimitedCredential | None = None
    """The connected app or token by which this request came, whose grants limit what the user may do."""

    @property
    def reaches_everything(self) -> bool:
        """Whether no grant limits this user: a superuser in person."""
        return self.is_superuser and self.through is None

    def grants(self) -> list[Grant]:
        """In person and by teams. Through a connected app or a token, what both that and the user hold."""
        if self.is_superuser and self.through is not None:
            return self.through.grants()
        own = self.kept(lambda: given_to(user=self.pk))
        return own if self.through is None else common(self.through.grants(), own)

    def held(self) -> Held:
        """The same, to ask about several places."""
        return Held((), is_everything=True) if self.reaches_everything else Held(tuple(self.grants()))

    def organizations(self) -> "OrganizationQuerySet":
        """The organizations in which this user may see anything."""
        return Organization.objects.visible_to(self)


class OrganizationQuerySet(models.QuerySet["Organization"]):
    def visible_to(self, user: User, *names: str) -> "OrganizationQuerySet":
        """Organizations where the user was given something; with names, one of these for more than an API."""
        if user.reaches_everything:
            return self
        reach = [
            Q(pk=grant.organization_id) if grant.environment_id else Q(path__startswith=grant.path)
            for grant in user.grants()
            if not names or (grant.api_id is None and grant.satisfies(*names))
        ]
        return self.filter(any_of(reach)) if reach else self.none()

    def where(self, user: User, *names: str) -> "OrganizationQuerySet":
        return self.allowing(user.held(), *names)

    def allowing(self, held: Held, *names: str) -> "OrganizationQuerySet":
        """Organizations in all of which one holds one of these permissions or roles, here or above."""
        if held.is_everything:
            return self
        grants = [one for one in held.grants if one.environment_id is None and one.satisfies(*names)]
        return self.filter(any_of(Q(path__startswith=one.path) for one in grants)) if grants else self.none()


class Organization(models.Model):
    """A tenant or, with a parent, a business group of one. `path` is the ids from the root down."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = LineField(max_length=120)
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
    def known_to(self, user: User) -> "EnvironmentQuerySet":
        return self.known_by(user.held())

    def known_by(self, held: Held) -> "EnvironmentQuerySet":
        """Environments in which one may see anything, and be it a single API."""
        return self if held.is_everything else self._within(held.grants)

    def visible_to(self, user: User) -> "EnvironmentQuerySet":
        """Environments in which the user may see everything."""
        return self.permitting(user, Role.Name.VIEWER)

    def permitting(self, user: User, *names: str) -> "EnvironmentQuerySet":
        return self.allowing(user.held(), *names)

    def allowing(self, held: Held, *names: str) -> "EnvironmentQuerySet":
        """Environments in all of which one holds one of these permissions or roles."""
        if held.is_everything:
            return self
        return self._within(one for one in held.grants if one.api_id is None and one.satisfies(*names))

    def _within(self, grants: Iterable[Grant]) -> "EnvironmentQuerySet":
        reach = [
            Q(pk=grant.environment_id)
            if grant.environment_id
            else Q(organization__path__startswith=grant.path)
            for grant in grants
        ]
        return self.filter(any_of(reach)) if reach else self.none()


class Environment(Deploying):
    """A deployment scope inside an organization."""

    class Type(models.TextChoices):
        SANDBOX = "sandbox"
        PRODUCTION = "production"
        DESIGN = "design"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="environments")
    name = LineField(max_length=120)
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
        """Whether the user holds one of these permissions or roles in all of it."""
        if user.reaches_everything:
            return True
        return Environment.objects.filter(pk=self.pk).permitting(user, *names).exists()

    def may(self, user: User) -> May:
        """Every permission that the user holds in all of it."""
        return user.held().in_environment(self.pk, self.organization.path)


class Role(models.Model):
    """What a user or a team may do in an organization and all below it, in one environment, or to one API."""

    class Name(models.TextChoices):
        ADMINISTRATOR = "administrator", "Administrator"
        MANAGER = "manager", "Manager"
        VIEWER = "viewer", "Viewer"

    OF_AN_API = (("api-manager", "Manager"), ("api-viewer", "Viewer"))
    """Releases before know no roles for one API: to them these are none."""
    CUSTOM = "custom"

    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="roles")
    team = models.ForeignKey("teams.Team", models.CASCADE, null=True, blank=True, related_name="roles")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="roles")
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, blank=True, related_name="roles")
    api = models.ForeignKey("apis.ApiInstance", models.CASCADE, null=True, blank=True, related_name="roles")
    name = models.CharField(max_length=16, choices=[*Name.choices, *OF_AN_API, (CUSTOM, "Custom")])
    custom = models.ForeignKey(
        "roles.CustomRole", models.PROTECT, null=True, blank=True, related_name="given"
    )

    objects = RoleQuerySet.as_manager()

    class Meta:
        constraints = CONSTRAINTS

    def __str__(self) -> str:
        return f"{self.holder} is {self.title} of {self.api or self.environment or self.organization}"

    @property
    def holder(self) -> Any:
        return self.user or self.team

    @property
    def title(self) -> str:
        return str(self.custom or self.get_name_display())

    @property
    def permissions(self) -> frozenset[str]:
        held = closed(self.custom.permissions) if self.custom else BUILT_IN.get(self.name, frozenset())
        return held & OF_AN_API if self.api_id else held

    def grant(self) -> Grant:
        place = self.organization_id, self.environment_id, self.api_id
        return Grant(self.permissions, self.organization.path, *place)


class ConnectedApp(models.Model):
    """A machine's credentials for the REST interface.

    It acts for its owner, but may do no more than its own role or scopes permit, in the environments chosen
    for it, until it expires; and nothing that its owner may not do.
    """

    SCOPES = "scopes"

    client_id = models.CharField(primary_key=True, max_length=64, default=secrets.token_hex, editable=False)
    name = LineField(max_length=120)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="connected_apps")
    owner = models.ForeignKey(User, models.CASCADE, related_name="connected_apps")
    role = models.CharField(
        max_length=16, choices=[*Role.Name.choices, (SCOPES, "Chosen permissions")], default=Role.Name.VIEWER
    )
    scopes = ArrayField(models.CharField(max_length=40), default=list, db_default=[], blank=True)
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
            return [Grant(self.permissions, self.organization.path, self.organization_id)]
        return [
            Grant(self.permissions, one.organization.path, one.organization_id, one.pk)
            for one in self.environments.select_related("organization")
        ]

    @property
    def permissions(self) -> frozenset[str]:
        return closed(self.scopes) if self.role == self.SCOPES else BUILT_IN.get(self.role, frozenset())

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
        """Entries of the environments, organizations and single APIs whose audit log the user may view."""
        return self.seen_by(user.held())

    def seen_by(self, held: Held) -> "AuditEntryQuerySet":
        """The same of what is known already."""
        if held.is_everything:
            return self
        view = Permission.VIEW_AUDIT
        return self.filter(
            Q(environment__in=Environment.objects.allowing(held, view))
            | Q(environment=None, organization__in=Organization.objects.allowing(held, view))
            | held.entries_of_apis(view)
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
            models.Index(fields=["-at"], name="audit_login", condition=Q(action="login")),
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
        login = "failed to log in as" if self.failed else "logged in as"
        return {"create": "created", "update": "changed", "delete": "deleted", "login": login}[self.action]

    @property
    def noun(self) -> str:
        """What kind of thing it was: "API", "gateway"."""
        return noun(self.object_type)

    @property
    def of_noun(self) -> str:
        return noun(self.of_type)
