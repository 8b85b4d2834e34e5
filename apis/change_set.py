"""Change sets: what was deployed of several APIs of one gateway at once."""

import uuid

from django.db import models
from django.urls import reverse

from console.models import Environment, User
from gateways.models import Gateway


class ChangeSet(models.Model):
    """Its APIs are those that were brought with it. On a gateway all of them change, or none does."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="change_sets")
    comment = models.CharField(max_length=1000, blank=True)
    undoes = models.OneToOneField(
        "self", models.SET_NULL, null=True, related_name="undone_by", help_text="The one that it takes back."
    )
    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    actor_name = models.CharField(max_length=150)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["gateway", "-at"])]

    def __str__(self) -> str:
        return self.id.hex[:12]

    def get_absolute_url(self) -> str:
        return reverse("change_set", args=[self.pk])


class InChangeSet(models.Model):
    """Its part of an API's row; `deployment.change_sets` writes it, each other deployment empties it."""

    change_set = models.ForeignKey(
        ChangeSet,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        help_text="With which others it was deployed last; empty where it was by itself.",
    )

    class Meta:
        abstract = True
