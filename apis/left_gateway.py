"""The gateways that an API was taken from."""

from django.db import models

from gateways.models import Gateway


class LeftGateway(models.Model):
    """A gateway that an API was taken from: what it still tells of the API's traffic is true for a while."""

    api = models.ForeignKey("apis.ApiInstance", models.CASCADE, related_name="left_gateways")
    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="+")
    left_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["api", "gateway"], name="left_gateway_once_for_each_api")
        ]

    def __str__(self) -> str:
        return f"{self.api} left {self.gateway}"
