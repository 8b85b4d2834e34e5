"""OpenID Connect providers that judge access tokens for policies, and which environments chose which."""

import uuid

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse

from apis.secret_groups.models import Secret
from console.fields import EncryptedJSONField, LineField
from console.models import Environment, Organization, User
from console.permissions import Permission
from policies.traits import ClientProvider as Told

WELL_KNOWN = "/.well-known/openid-configuration"
DEFAULT_WAIT_MS, LEAST_WAIT_MS, MOST_WAIT_MS = 10_000, 10, 120_000


class ClientProviderQuerySet(models.QuerySet["ClientProvider"]):
    def administered_by(self, user: User) -> "ClientProviderQuerySet":
        return self.filter(
            organization__in=Organization.objects.where(user, Permission.ADMINISTER_ORGANIZATION)
        )

    def offered_to(self, environment: Environment) -> "ClientProviderQuerySet":
        """Those of its organization and of the organizations above."""
        return self.filter(organization__in=[pk for pk in environment.organization.path.split("/") if pk])


class ClientProvider(models.Model):
    """A provider of an organization, for its environments and those of the business groups below.

    It is found by its discovery document, or its introspection endpoint is written by hand.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="client_providers")
    name = LineField(max_length=60, help_text="As people know it.")
    discovery_url = models.CharField(
        "discovery URL",
        max_length=500,
        blank=True,
        help_text="The issuer's address, with or without /.well-known/openid-configuration.",
    )
    introspection_url = models.CharField(
        "introspection URL",
        max_length=500,
        blank=True,
        help_text="Of a provider that has no discovery document; in the place of its discovery URL.",
    )
    client_id = models.CharField(
        "client id", max_length=255, help_text="As which gateways ask the provider about tokens."
    )
    client_secret = EncryptedJSONField(null=True, blank=True, editable=False)
    timeout_ms = models.PositiveIntegerField(
        "longest wait",
        default=DEFAULT_WAIT_MS,
        validators=[MinValueValidator(LEAST_WAIT_MS), MaxValueValidator(MOST_WAIT_MS)],
        help_text="Milliseconds. Where a policy says a shorter time, that holds.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ClientProviderQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        verbose_name = "client provider"
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="client_provider_name_is_unique")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("client_provider", args=[self.pk])

    @property
    def issuer(self) -> str:
        """As its tokens and its document name it; "" without a discovery URL."""
        return self.discovery_url.removesuffix(WELL_KNOWN).rstrip("/")


class Chosen(models.Model):
    """Which client provider an environment has, and by which of its truststores it is known."""

    environment = models.OneToOneField(Environment, models.CASCADE, related_name="chosen_provider")
    provider = models.ForeignKey(ClientProvider, models.RESTRICT, related_name="chosen")
    truststore = models.ForeignKey(
        Secret, models.RESTRICT, null=True, blank=True, related_name="trusting_providers"
    )

    class Meta:
        verbose_name = "environment's client provider"

    def __str__(self) -> str:
        return f"{self.provider} of {self.environment}"

    @property
    def trusted_ca(self) -> str:
        """PEM certificates that vouch for it; "" where the usual CAs do."""
        return str(self.truststore.content["trusted_ca"]) if self.truststore else ""

    @property
    def told(self) -> Told:
        """As policies take it."""
        one = self.provider
        return Told(
            name=one.name,
            issuer=one.issuer,
            introspection_url=one.introspection_url,
            client_id=one.client_id,
            client_secret=str(one.client_secret or ""),
            timeout_ms=one.timeout_ms,
            trusted_ca=self.trusted_ca,
        )
