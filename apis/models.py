"""API Manager: API instances, which are made of assets; their routes, upstreams, policies, TLS contexts."""

import uuid
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone

from apis import certificates, granted, resource_names
from apis.api_test import ApiTest, ApiTestRun  # noqa: F401 - Django finds its models here
from apis.assets.models import Asset
from apis.brought_to_many import BroughtToMany  # noqa: F401 - Django finds its models here
from apis.change_set import InChangeSet
from apis.from_catalog import FromCatalog
from apis.left_gateway import LeftGateway  # noqa: F401 - Django finds its models here
from apis.muted_finding import MutedFinding  # noqa: F401 - Django finds its models here
from apis.removed import Removed  # noqa: F401 - Django finds its models here
from apis.revision import Revision
from apis.secret_groups.models import Secret, SecretGroup
from apis.waiting import Waiting
from apis.wizard_draft import WizardDraft  # noqa: F401 - Django finds its models here
from console.fields import EncryptedJSONField, LineField
from console.links import link
from console.models import Environment, User
from console.permissions import Permission
from gateways.models import Gateway
from gateways.protocol.upstream_settings import USUAL, UpstreamSettings


class ApiInstanceQuerySet(granted.Permitted["ApiInstance"]):
    def with_tls(self, context: "TlsContext") -> "ApiInstanceQuerySet":
        """APIs that serve with the context or reach an upstream with it, as saved or as deployed."""
        upstreams = Upstream.objects.filter(tls_context=context)
        return self.filter(
            models.Q(tls_context=context)
            | models.Q(pk__in=upstreams.values("api"))
            | models.Q(revision__serves_with=context.pk)
            | models.Q(revision__trusts_by__contains=[context.pk])
        )

    def deployed(self) -> "ApiInstanceQuerySet":
        return self.filter(is_deployed=True).exclude(gateway=None)


class ApiInstance(Waiting, InChangeSet):
    """An API on a gateway; `gateway` is where it goes, `is_deployed` whether it should run there."""

    class Protocol(models.TextChoices):
        HTTP = "http", "HTTP"
        HTTPS = "https", "HTTPS"

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="api_instances")
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="instances")
    gateway = models.ForeignKey(Gateway, models.PROTECT, null=True, blank=True, related_name="api_instances")
    label = LineField("instance label", max_length=255, blank=True)
    description = models.TextField(blank=True)
    protocol = models.CharField(max_length=5, choices=Protocol, default=Protocol.HTTP)
    port = models.PositiveIntegerField(
        default=8081, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    base_path = models.CharField(max_length=255, default="/")
    tls_context = models.ForeignKey(
        "TlsContext",
        models.RESTRICT,
        null=True,
        blank=True,
        related_name="api_instances",
        verbose_name="TLS context",
        help_text="Of HTTPS, and of nothing else.",
    )
    consumer_endpoint = models.URLField(blank=True)
    tags = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    response_timeout_ms = models.PositiveIntegerField(
        "response timeout",
        null=True,
        blank=True,
        help_text="How long, in ms, an upstream may take to begin an answer; empty: what the gateway says.",
    )
    is_deployed = models.BooleanField(default=False)
    deployed_at = models.DateTimeField(null=True, blank=True)
    changed_generation = models.BigIntegerField(
        default=0,
        editable=False,
        help_text="Of its gateway, since which this API's own resources are as they are.",
    )
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    revision = models.ForeignKey(
        Revision,
        models.RESTRICT,
        null=True,
        editable=False,
        related_name="+",
        help_text="What its gateway is to run; empty while it is not deployed.",
    )
    revision_generation = models.BigIntegerField(
        null=True,
        editable=False,
        help_text="The changed generation that the revision belongs to. Another one was made by a release "
        "without revisions.",
    )
    is_deprecated = models.BooleanField(default=False)
    extra = models.JSONField(
        default=dict, blank=True, help_text="REST fields that are kept as sent and not acted upon."
    )
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ApiInstanceQuerySet.as_manager()

    class Meta:
        ordering = ["asset__name", "id"]
        verbose_name = "API instance"

    def __str__(self) -> str:
        return f"{self.asset.name} {self.autodiscovery_name}"

    def get_absolute_url(self) -> str:
        return link("api", [self.pk])

    @property
    def autodiscovery_name(self) -> str:
        return f"{self.asset.api_version}:{self.pk}"

    @property
    def resource_name(self) -> str:
        """Its name in the snapshot, in acks and in the access log; its namespace is the environment's id."""
        return resource_names.of_api(self.pk)

    @property
    def address(self) -> str:
        return f"{self.protocol}://0.0.0.0:{self.port}{self.base_path}"


class TlsContextQuerySet(models.QuerySet["TlsContext"]):
    def visible_to(self, user: User) -> "TlsContextQuerySet":
        return self.filter(environment__in=Environment.objects.permitting(user, Permission.VIEW_SECRETS))

    def in_use(self) -> "TlsContextQuerySet":
        """Contexts with which deployed APIs serve or reach an upstream, as saved or as deployed."""
        deployed = ApiInstance.objects.deployed()
        running = deployed.annotate(one=models.Func("revision__trusts_by", function="unnest"))
        saved: list[Any] = [deployed, Upstream.objects.filter(api__in=deployed)]
        found: list[Any] = [one.values("tls_context") for one in saved]
        found += [deployed.values("revision__serves_with"), running.values("one")]
        return self.filter(reduce(or_, (models.Q(pk__in=one) for one in found)))


class TlsContext(models.Model):
    """How APIs of an environment speak TLS: with a certificate and its key to clients, trusting to upstreams.

    Either may be missing: a context without a certificate serves no API, one that trusts nobody no upstream.
    """

    class Version(models.TextChoices):
        TLS_1_0 = "1.0", "TLS 1.0"
        TLS_1_1 = "1.1", "TLS 1.1"
        TLS_1_2 = "1.2", "TLS 1.2"
        TLS_1_3 = "1.3", "TLS 1.3"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="tls_contexts")
    name = LineField(max_length=120)
    group = models.ForeignKey(
        SecretGroup, models.RESTRICT, null=True, related_name="tls_contexts", help_text="Empty: the default."
    )
    keystore = models.ForeignKey(
        Secret, models.RESTRICT, null=True, blank=True, related_name="serving", help_text="Else pasted."
    )
    truststore = models.ForeignKey(Secret, models.RESTRICT, null=True, blank=True, related_name="trusting")
    # Of a keystore and a truststore what they hold now: whoever changes one changes these.
    certificate = models.TextField(blank=True, help_text="PEM: its own, then those of its issuers.")
    key = EncryptedJSONField(default="", help_text="PEM.")
    trusted_ca = models.TextField(
        "trusted CA", blank=True, help_text="PEM: who signs the certificates of clients and upstreams."
    )
    skips_validation = models.BooleanField(
        default=False, help_text="Upstreams are taken whatever their certificate says."
    )
    requires_client_certificate = models.BooleanField(default=False)
    min_version = models.CharField(max_length=3, choices=Version, default=Version.TLS_1_2)
    max_version = models.CharField(max_length=3, choices=Version, default=Version.TLS_1_3)
    alpn = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    ciphers = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TlsContextQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = "TLS context"
        constraints = [
            models.UniqueConstraint(fields=["environment", "name"], name="tls_context_name_is_unique")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("tls_context", args=[self.pk])

    @property
    def secret_group_id(self) -> uuid.UUID:
        return self.group_id or self.environment_id

    @property
    def facts(self) -> certificates.CertificateFacts | None:
        """What its certificate says, if it has one."""
        return certificates.read(self.certificate) if self.certificate else None

    @property
    def trusted_facts(self) -> certificates.CertificateFacts | None:
        """What the first CA that it trusts says."""
        return certificates.read(self.trusted_ca) if self.trusted_ca else None

    @property
    def api_count(self) -> int:
        """How many APIs serve with it, or reach an upstream with it."""
        return len({api.pk for api in self.api_instances.all()} | {it.api_id for it in self.upstreams.all()})

    @property
    def is_trusting(self) -> bool:
        """Whether upstreams can be reached with it."""
        return bool(self.trusted_ca or self.skips_validation)

    @property
    def inbound_config(self) -> dict[str, Any]:
        """The configuration of a `tls` binding, key and all.

        With a trusted CA Envoy asks every client for a certificate: it is there only if one is wanted.
        """
        asks = self.requires_client_certificate
        return self._config | {
            "trustedCA": self.trusted_ca if asks else "",
            "requireClientCertificate": asks,
        }

    @property
    def outbound_config(self) -> dict[str, Any]:
        """The configuration of a `tls-outbound` binding, key and all."""
        return self._config | {"trustedCA": self.trusted_ca, "skipValidation": self.skips_validation}

    @property
    def _config(self) -> dict[str, Any]:
        certificate = {"certificate": {"crt": self.certificate, "key": self.key}} if self.certificate else {}
        return certificate | {
            "minversion": self.min_version,
            "maxversion": self.max_version,
            "alpn": list(self.alpn),
            "ciphers": list(self.ciphers),
        }


class Upstream(models.Model):
    """A backend of an API instance; `uri` may hold a path, which is put before the request's own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    api = models.ForeignKey(ApiInstance, models.CASCADE, related_name="upstreams")
    uri = models.CharField(max_length=1024)
    label = LineField(max_length=255, blank=True)
    tls_context = models.ForeignKey(
        TlsContext,
        models.RESTRICT,
        null=True,
        blank=True,
        related_name="upstreams",
        verbose_name="TLS context",
        help_text="How an https:// URI is trusted; without one, by the CAs of the gateway's machine.",
    )
    settings = models.JSONField(
        default=dict,
        blank=True,
        db_default=models.Value({}, models.JSONField()),
        help_text="Hosts, balancing, checks, time limits, retries and bounds, as a Service has them.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.label or self.uri

    @property
    def told(self) -> UpstreamSettings:
        return UpstreamSettings.model_validate(self.settings) if self.settings else USUAL


class Route(models.Model):
    """Which requests go to which upstreams: regular expressions, first match in `position` order wins."""

    api = models.ForeignKey(ApiInstance, models.CASCADE, related_name="routes")
    position = models.PositiveSmallIntegerField()
    label = LineField(max_length=255, blank=True)
    methods = models.CharField(max_length=255, blank=True)
    path = models.CharField(max_length=1024, blank=True)
    host = models.CharField(max_length=255, blank=True)
    headers = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["api", "position"],
                name="route_position_is_unique",
                deferrable=models.Deferrable.DEFERRED,
            )
        ]

    def __str__(self) -> str:
        return self.label or f"route {self.position + 1}"

    @property
    def title(self) -> str:
        """Its label, or else its rules."""
        headers = (f"{name}: {pattern}" for name, pattern in self.headers.items())
        rules = [self.methods, self.path, self.host and f"host {self.host}", *headers]
        return self.label or " ".join(filter(None, rules)) or "Every request"


class RouteUpstream(models.Model):
    """An upstream's share of a route; the weights of a route sum to 100."""

    route = models.ForeignKey(Route, models.CASCADE, related_name="targets")
    upstream = models.ForeignKey(Upstream, models.CASCADE, related_name="targets")
    weight = models.PositiveSmallIntegerField(default=100, validators=[MaxValueValidator(100)])

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.upstream} {self.weight} %"


class PolicyBindingQuerySet(models.QuerySet["PolicyBinding"]):
    def inbound(self) -> "PolicyBindingQuerySet":
        """Those that requests to the API pass, in `order`."""
        return self.filter(upstreams=[])

    def outbound(self) -> "PolicyBindingQuerySet":
        return self.exclude(upstreams=[])


class PolicyBinding(FromCatalog, models.Model):
    """A policy applied to an API, or to some of its upstreams. Secret values live in `secrets` alone."""

    class Mode(models.TextChoices):
        ENFORCE = "enforce", "Enforce"
        OBSERVE = "observe", "Observe only"

    api = models.ForeignKey(ApiInstance, models.CASCADE, related_name="policies")
    policy = models.CharField(max_length=120, help_text="The policy's name in the catalog.")
    policy_version = models.CharField(max_length=40, blank=True)
    label = LineField(max_length=255, blank=True)
    config = models.JSONField(default=dict, help_text="Without the secrets.")
    secrets = EncryptedJSONField(
        default=dict, help_text="The secret values, merged into the configuration on push."
    )
    conditions = models.JSONField(
        default=list, blank=True, help_text="[{methodRegex, uriTemplateRegex}]; empty means every request."
    )
    upstreams = ArrayField(
        models.UUIDField(),
        default=list,
        blank=True,
        db_default=[],
        help_text="Of an outbound policy, the ids of the API's upstreams that it acts on; else empty.",
    )
    order = models.PositiveSmallIntegerField(help_text="1 runs first.")
    is_disabled = models.BooleanField(default=False)
    mode = models.CharField(max_length=7, choices=Mode, default=Mode.ENFORCE, db_default=Mode.ENFORCE)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PolicyBindingQuerySet.as_manager()

    class Meta:
        ordering = ["order", "id"]

    def __str__(self) -> str:
        return self.title

    @property
    def is_outbound(self) -> bool:
        return bool(self.upstreams)

    @property
    def resource_name(self) -> str:
        return resource_names.of_binding(self.policy, self.pk)

    def resource_name_on(self, upstream: uuid.UUID) -> str:
        """Of an outbound policy there is one resource for each of its upstreams."""
        return resource_names.of_binding(self.policy, self.pk, upstream.hex)
