"""What is noted of an API of which something is saved and not deployed: its *pending* changes."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Waiting(models.Model):
    """Its part of an API's row; `changes.deploying` writes it."""

    pending_since = models.DateTimeField(
        null=True,
        editable=False,
        help_text="Of the first change that was saved and waits to be deployed; empty where none does.",
    )
    pending_digest = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False, help_text="Of what waits."
    )
    pending_by = ArrayField(
        models.UUIDField(),
        default=list,
        db_default=[],
        editable=False,
        help_text="Who saved what nobody has deployed yet.",
    )

    class Meta:
        abstract = True
