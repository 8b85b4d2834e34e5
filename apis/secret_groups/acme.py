"""Keystores whose certificates come from an ACME CA, such as Let's Encrypt, and are renewed from there."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.urls import reverse

from console.fields import EncryptedJSONField, LineField
from console.models import Environment, User


class AcmeSource(models.Model):
    """What is asked of which CA, how far it is, and the keystore that it became."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        WORKING = "working", "In progress"
        VALID = "valid", "Valid"
        FAILED = "failed", "Failed"

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="acme_sources")
    group = models.ForeignKey("secret_groups.SecretGroup", models.CASCADE, related_name="acme_sources")
    keystore = models.OneToOneField(
        "secret_groups.Secret", models.CASCADE, null=True, blank=True, related_name="acme_source"
    )
    name = LineField(max_length=120, help_text="Of the keystore.")
    directory = models.CharField(max_length=500, help_text="The CA's directory URL.")
    email = models.EmailField(blank=True)
    names = ArrayField(models.CharField(max_length=253))
    eab_kid = models.CharField("EAB key ID", max_length=255, blank=True)
    eab_key = EncryptedJSONField(default="", help_text="Of external account binding.")
    account = EncryptedJSONField(default=dict, help_text="{key, uri} of the account at the CA.")
    challenges = models.JSONField(
        default=list, blank=True, help_text="[[token, answer]] that gateways serve."
    )
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    trouble = models.CharField(max_length=1000, blank=True)
    attempts = models.PositiveIntegerField(default=0, help_text="Since it last went well.")
    next_try_at = models.DateTimeField(db_index=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "id"]
        verbose_name = "ACME source"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("acme_sources")
