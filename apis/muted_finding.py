"""Findings of the linter that somebody muted: which one of which API, and why."""

from django.db import models
from django.utils import timezone

from console.models import User

MOST_REASON = 500


class MutedFinding(models.Model):
    """`place` is the finding's, which names what stands there: what is found elsewhere is told."""

    api = models.ForeignKey("apis.ApiInstance", models.CASCADE, related_name="muted_findings")
    code = models.CharField(max_length=60)
    place = models.CharField(max_length=80)
    reason = models.CharField(max_length=MOST_REASON)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["pk"]
        verbose_name = "muted finding"
        constraints = [models.UniqueConstraint(fields=["api", "code", "place"], name="finding_is_muted_once")]

    def __str__(self) -> str:
        return self.code
