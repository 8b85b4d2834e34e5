"""Automated policies, each for all APIs of an environment that its rule covers; policy sets, for those that
they are given to.
"""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from apis import resource_names
from apis.from_catalog import FromCatalog
from console.fields import EncryptedJSONField, LineField
from console.links import link
from console.models import Environment, User
from console.permissions import Permission


class PolicySetQuerySet(models.QuerySet["PolicySet"]):
    def visible_to(self, user: User) -> "PolicySetQuerySet":
        return self.filter(environment__in=Environment.objects.permitting(user, Permission.VIEW_POLICIES))


class PolicySet(models.Model):
    """A named set of policies that is given to APIs, and changed in one place for all of them.

    `apis` keeps the id of an API that was deleted: restored, it has the set again.
    """

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="policy_sets")
    name = LineField(max_length=120)
    description = models.TextField(blank=True)
    apis = ArrayField(models.BigIntegerField(), default=list, blank=True, help_text="The ids of APIs.")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PolicySetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "name"], name="policy_set_name_is_unique")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return link("policy_set", [self.pk])


class AutomatedPolicyQuerySet(models.QuerySet["AutomatedPolicy"]):
    def visible_to(self, user: User) -> "AutomatedPolicyQuerySet":
        return self.filter(environment__in=Environment.objects.permitting(user, Permission.VIEW_POLICIES))


class AutomatedPolicyManager(models.Manager.from_queryset(AutomatedPolicyQuerySet)):  # type: ignore[misc]
    """With their sets, which say whom they cover."""

    def get_queryset(self) -> AutomatedPolicyQuerySet:
        return super().get_queryset().select_related("policy_set")


class AutomatedPolicy(FromCatalog, models.Model):
    """A policy with its rule of application: of tags, gateways and names, what is given must hold; nothing
    given is every API. One of a set covers the APIs that the set is given to, and no others.

    Secret values live in `secrets` alone.
    """

    class Mode(models.TextChoices):
        ENFORCE = "enforce", "Enforce"
        OBSERVE = "observe", "Observe only"

    class Names(models.TextChoices):
        WILDCARD = "wildcard", "Wildcard"
        REGEX = "regex", "Regular expression"

    class Conflicts(models.TextChoices):
        """Where an API has the same policy of its own."""

        WINS = "wins", "The automated one runs"
        YIELDS = "yields", "The API's own runs"
        BOTH = "both", "Both run"

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="automated_policies")
    policy_set = models.ForeignKey(
        PolicySet, models.RESTRICT, null=True, blank=True, related_name="policies", editable=False
    )
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
    order = models.PositiveSmallIntegerField(help_text="1 runs first, all of them before APIs' own.")
    is_disabled = models.BooleanField(default=False)
    mode = models.CharField(max_length=7, choices=Mode, default=Mode.ENFORCE)
    tags = ArrayField(
        models.CharField(max_length=60), default=list, blank=True, help_text="The API has one of them."
    )
    gateways = ArrayField(
        models.UUIDField(),
        default=list,
        blank=True,
        help_text="The API is on one of them. One that was deleted stays here: it covers nothing.",
    )
    names = models.CharField(
        max_length=500, blank=True, help_text="The API's name, or its instance label, is like this."
    )
    names_are = models.CharField(max_length=8, choices=Names, default=Names.WILDCARD)
    conflicts = models.CharField(max_length=6, choices=Conflicts, default=Conflicts.WINS)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AutomatedPolicyManager()

    class Meta:
        ordering = ["order", "id"]
        verbose_name_plural = "automated policies"

    def __str__(self) -> str:
        return f"{self.title} ({self.label})" if self.label else self.title

    def get_absolute_url(self) -> str:
        return link("automated_policy", [self.pk])

    @property
    def resource_name(self) -> str:
        return resource_names.of_automated(self.policy, self.pk or 0)

    @property
    def covers_all(self) -> bool:
        return not (self.policy_set or self.tags or self.gateways or self.names)

    def is_for_gateway(self, gateway: UUID | None) -> bool:
        return not self.gateways or gateway in self.gateways
