"""What a change brought to so many APIs that a worker notes it, gateway by gateway."""

from typing import Any

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from console.models import AuditEntry, Environment


class BroughtToMany(models.Model):
    """A change of what very many APIs share. Its gateways have their new generations; that each API changed
    with them (`Brought`) is still to be noted for those in `left`. When none is, this goes.
    """

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    entry = models.ForeignKey(AuditEntry, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(db_default=TransactionNow())
    left = models.JSONField(help_text="By the id of a gateway: its generation, and the ids of its APIs.")
    api_count = models.PositiveIntegerField()
    noted_count = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["pk"]
        verbose_name = "change of many APIs"
        verbose_name_plural = "changes of many APIs"

    def __str__(self) -> str:
        return f"{self.noted_count} of {self.api_count} APIs"

    def take(self, most: int) -> dict[str, Any]:
        """So many of its gateways, which are left no longer."""
        taken = {one: self.left.pop(one) for one in list(self.left)[:most]}
        self.noted_count += sum(len(apis) for _, apis in taken.values())
        return taken
