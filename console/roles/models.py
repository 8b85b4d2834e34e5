"""Roles that an organization makes for itself: named sets of permissions."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.urls import reverse

from console.fields import LineField
from console.models import Organization
from console.permissions import closed, words


class CustomRole(models.Model):
    """Can be given in its organization and the business groups below."""

    MOST = 100
    LONGEST_NAME = 60

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="custom_roles")
    name = LineField(max_length=LONGEST_NAME)
    description = LineField(max_length=300, blank=True)
    permissions = ArrayField(models.CharField(max_length=40), default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint("organization", Lower("name"), name="custom_role_name_is_unique")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("custom_role", args=[self.pk])

    @property
    def words(self) -> list[str]:
        """Its permissions as people read them, with what they imply."""
        return words(closed(self.permissions))

    def facts(self) -> dict[str, Any]:
        """What the audit compares."""
        return {"name": self.name, "description": self.description, "permissions": sorted(self.permissions)}
