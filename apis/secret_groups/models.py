"""Secret groups of an environment, and the secrets in them: keystores, truststores, certificates, shared
secrets.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from apis.certificates import SOON, soon
from apis.secret_groups.acme import AcmeSource  # noqa: F401 - Django finds its models here
from apis.secret_groups.authority import Authority, Issued  # noqa: F401 - Django finds its models here
from console.fields import EncryptedJSONField, LineField
from console.models import Environment, User
from console.permissions import Permission

NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,118}[A-Za-z0-9])?"
WHAT_A_NAME_IS = (
    'Use letters and digits, with "-", "_" and "." between them, 120 at most: policies name it in '
    "${secret:group/name}."
)


class SecretGroupQuerySet(models.QuerySet["SecretGroup"]):
    def visible_to(self, user: User) -> "SecretGroupQuerySet":
        return self.filter(environment__in=Environment.objects.permitting(user, Permission.VIEW_SECRETS))


class SecretGroup(models.Model):
    """A named place for secrets. The environment's own has the environment's id: TLS contexts that were made
    before there were groups are in it, and clients that knew no other name it so.
    """

    DEFAULT = "default"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="secret_groups")
    name = LineField(max_length=120)
    downloadable = models.BooleanField(
        default=False, help_text="Certificates in it may be downloaded; keys and secret values never are."
    )
    sent_to = models.JSONField(
        "hosts",
        default=list,
        db_default=models.Value([], models.JSONField()),
        blank=True,
        help_text="Hosts that policies may send its shared secrets to, *.example.com for those below; "
        "none: to any.",
    )
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    changed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SecretGroupQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "name"], name="secret_group_name_is_unique")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("secret_group", args=[self.pk])


class SecretQuerySet(models.QuerySet["Secret"]):
    def visible_to(self, user: User) -> "SecretQuerySet":
        return self.filter(
            group__environment__in=Environment.objects.permitting(user, Permission.VIEW_SECRETS)
        )

    def without_content(self) -> "SecretQuerySet":
        """Lists neither need nor decrypt it."""
        return self.defer("content")

    def ending(self, within: timedelta = SOON, now: datetime | None = None) -> "SecretQuerySet":
        """Those that have ended, or end in this time, the most urgent first."""
        limit = (now or timezone.now()) + within
        return self.without_content().filter(expires_at__lte=limit).order_by("expires_at", "pk")


class Secret(models.Model):
    """What nobody is shown again. `told` says in public what `content` holds: names, dates, files."""

    class Kind(models.TextChoices):
        KEYSTORE = "keystore", "Keystore"
        TRUSTSTORE = "truststore", "Truststore"
        CERTIFICATE = "certificate", "Certificate"
        SHARED = "shared-secret", "Shared secret"

    STORES = ("PEM", "PKCS12", "JKS", "JCEKS")
    SHARED_TYPES = ("UsernamePassword", "SymmetricKey", "S3Credential", "Blob")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    group = models.ForeignKey(SecretGroup, models.CASCADE, related_name="secrets")
    kind = models.CharField(max_length=13, choices=Kind)
    type = models.CharField(max_length=20, help_text="How it came: PEM, PKCS12; or UsernamePassword.")
    name = LineField(max_length=120)
    content = EncryptedJSONField(default=dict, help_text="PEM of a store, the values of a shared secret.")
    told = models.JSONField(default=dict, blank=True, help_text="What may be seen of it.")
    ends_on = models.DateField(
        "expiration date",
        null=True,
        blank=True,
        help_text="As somebody said; certificates end by themselves.",
    )
    expires_at = models.DateTimeField(
        null=True, blank=True, db_index=True, editable=False, help_text="The first end of what is in it."
    )
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    changed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = SecretQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "name"]
        constraints = [
            models.UniqueConstraint(fields=["group", "kind", "name"], name="secret_name_is_unique_in_kind")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("secret", args=[self.pk])

    @property
    def environment(self) -> Environment:
        return self.group.environment

    @property
    def reference(self) -> str:
        """How policies name it."""
        return f"{self.group.name}/{self.name}"

    @property
    def mention(self) -> str:
        """What stands in a policy's field in the place of a value."""
        return f"${{secret:{self.reference}}}"

    @property
    def is_shared(self) -> bool:
        return self.kind == Secret.Kind.SHARED

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    @property
    def expires_soon(self) -> bool:
        if self.expires_at is None or self.is_expired:
            return False
        starts_at = self.told.get("starts_at")
        within = soon(datetime.fromisoformat(starts_at), self.expires_at) if starts_at else SOON
        return self.expires_at <= timezone.now() + within


def ending(environments: Any, within: timedelta = SOON, now: datetime | None = None) -> QuerySet[Secret]:
    """What alerts ask: secrets of these environments whose certificates, or the dates that somebody set, end
    in this time. `environments` is a queryset, or a list of ids.
    """
    found = Secret.objects.filter(group__environment__in=environments).ending(within, now)
    return found.select_related("group__environment")


def default_group(environment: Environment) -> SecretGroup:
    """The environment's own, made when it is first needed."""
    known = SecretGroup.objects.filter(pk=environment.pk).first()
    if known is not None:
        return known
    taken = set(environment.secret_groups.values_list("name", flat=True))
    name = next(
        one
        for one in (SecretGroup.DEFAULT, *(f"{SecretGroup.DEFAULT}-{n}" for n in range(2, 1000)))
        if one not in taken
    )
    told = {"environment": environment, "name": name}
    return SecretGroup.objects.get_or_create(pk=environment.pk, defaults=told)[0]
