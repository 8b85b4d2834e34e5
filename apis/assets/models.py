"""The assets of an organization, of which API instances are made."""

from django.core.validators import RegexValidator
from django.db import models

from apis.documents.specification import Specification
from console.fields import LineField
from console.models import Organization

ASSET_ID = "[A-Za-z0-9_.-]{1,120}"
WHAT_AN_ASSET_ID_IS = "Use 1 to 120 letters, digits, hyphens, dots and underscores."


class Asset(models.Model):
    """One version of an API of the organization: groupId/assetId/version."""

    class Type(models.TextChoices):
        REST = "rest-api", "REST API"
        HTTP = "http-api", "HTTP API"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="assets")
    asset_id = models.CharField(
        max_length=120, db_index=True, validators=[RegexValidator(f"^{ASSET_ID}$", WHAT_AN_ASSET_ID_IS)]
    )
    version = models.CharField(max_length=40, default="1.0.0")
    api_version = models.CharField(max_length=40, default="v1", help_text="The version consumers see.")
    name = LineField(max_length=255)
    type = models.CharField(max_length=12, choices=Type, default=Type.HTTP)
    specification = models.ForeignKey(
        Specification, models.SET_NULL, null=True, blank=True, related_name="assets"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "apis_asset"
        ordering = ["name", "version"]
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "asset_id", "version"], name="asset_version_is_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"
