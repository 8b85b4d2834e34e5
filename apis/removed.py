"""What somebody removed and can have back for some time: an API with all of its own, a policy of one, or an
automated policy.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from console.fields import EncryptedJSONField
from console.grants import Held
from console.models import Environment, User
from console.permissions import Permission


class RemovedQuerySet(models.QuerySet["Removed"]):
    def visible_to(self, user: User) -> "RemovedQuerySet":
        return self.of(user.held())

    def of(self, held: Held) -> "RemovedQuerySet":
        """Of the environments, and of the single APIs, that somebody may see."""
        places = Environment.objects.allowing(held, Permission.VIEW_APIS)
        return self.filter(Q(environment__in=places) | Q(api_id__in=held.apis(Permission.VIEW_APIS)))

    def there(self) -> "RemovedQuerySet":
        """Those that can still be had back."""
        return self.filter(at__gte=timezone.now() - timedelta(days=settings.REMOVED_KEEP_DAYS))

    def expired(self) -> "RemovedQuerySet":
        return self.filter(at__lt=timezone.now() - timedelta(days=settings.REMOVED_KEEP_DAYS))


class Removed(models.Model):
    """`saved` are its rows, secrets and all. It is gone once it was restored, or its days are over.

    Of an API, its revisions and what deployments brought of it stay as long: they name it by its id, which
    it gets back.
    """

    class Kind(models.TextChoices):
        API = "api", "API"
        POLICY = "policy"
        PENDING = "edits", "pending changes"
        AUTOMATED = "auto", "automated policy"

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="removed")
    kind = models.CharField(max_length=6, choices=Kind)
    api_id = models.BigIntegerField(db_index=True, help_text="Of the API that it was, or was of; 0 for none.")
    name = models.CharField(max_length=255)
    saved = EncryptedJSONField(help_text="Its rows, by their kind.")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = RemovedQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name_plural = "removed"

    def __str__(self) -> str:
        return self.name

    @property
    def until(self) -> datetime:
        """Until when it is kept, if there are not too many."""
        return self.at + timedelta(days=settings.REMOVED_KEEP_DAYS)
