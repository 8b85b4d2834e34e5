"""What the hours of the last day come to that have ended: lists are sorted by it."""

from django.db import models

from analytics.columns import loose
from apis.models import ApiInstance


class ApiLately(models.Model):
    """The sums of an API's rows in ApiHour from 23 hours before `until`, the start of an hour, up to it.

    A trigger deletes all of them when such rows change, whoever changes them; `rollups` makes them anew.
    """

    until = models.DateTimeField()
    api = loose(ApiInstance)
    requests = models.BigIntegerField()
    errors = models.BigIntegerField()

    class Meta:
        verbose_name = "requests of an API in the last day's hours"
        verbose_name_plural = "requests of APIs in the last day's hours"
        indexes = [models.Index(fields=["until"], name="lately_by_until")]

    def __str__(self) -> str:
        return f"{self.api_id} until {self.until:%Y-%m-%d %H:%M}: {self.requests}"
