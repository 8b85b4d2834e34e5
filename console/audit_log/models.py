"""For how long an organization's audit entries are kept, where it was said."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from console.models import Organization

LEAST_DAYS, MOST_DAYS = 30, 2190


class Retention(models.Model):
    """Of an organization without a parent and all below it. The newest that is in force by now counts."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="audit_retentions")
    days = models.PositiveIntegerField(
        validators=[MinValueValidator(LEAST_DAYS), MaxValueValidator(MOST_DAYS)]
    )
    effective_from = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-effective_from", "-id"]

    def __str__(self) -> str:
        return f"{self.days} days"
