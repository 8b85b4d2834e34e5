"""What the Add API wizard keeps between its steps."""

import uuid
from datetime import timedelta

from django.db import models
from django.utils import timezone

from console.models import Environment, User


class WizardDraftQuerySet(models.QuerySet["WizardDraft"]):
    def unfinished(self, user: User, environment: Environment) -> "WizardDraftQuerySet":
        """What the user may go on with here, the last touched first."""
        return self.filter(user=user, environment=environment, api=None).fresh()

    def fresh(self) -> "WizardDraftQuerySet":
        return self.filter(updated_at__gt=timezone.now() - WizardDraft.LIFETIME)

    def expired(self) -> "WizardDraftQuerySet":
        return self.exclude(pk__in=self.fresh().values("pk"))


class WizardDraft(models.Model):
    """What one start of the Add API wizard has been told so far: each tab its own, kept for its user.

    `version` counts the changes, so that a page shown before the last one is noticed. `api` is what it
    became: a second press of Save leads there.
    """

    LIFETIME = timedelta(days=14)
    MOST = 10
    """For each user in each environment; one more drops the one that was not touched for longest."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    title = models.CharField(max_length=255, blank=True, help_text="The API's name, as far as it is known.")
    step = models.CharField(max_length=20, help_text="Where it is gone on with.")
    values = models.JSONField(default=dict, help_text="By step.")
    version = models.PositiveIntegerField(default=0)
    api = models.ForeignKey("apis.ApiInstance", models.CASCADE, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = WizardDraftQuerySet.as_manager()

    class Meta:
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return self.title or "API without a name"
