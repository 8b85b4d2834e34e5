"""What the hours of the last day, and the days of the last thirty, come to: APIs are sorted by it."""

from django.db import models

from analytics.columns import loose
from apis.models import ApiInstance


class ApiLately(models.Model):
    """The sums of an API's rows in ApiHour from 23 hours before `until`, the start of an hour, up to it; or
    of those in ApiDay from 29 days before that of a day.

    Triggers delete those of a grain when its rows change, whoever changes them; `rollups` makes them anew.
    """

    grain = models.CharField(max_length=6, default="hour", db_default="hour")
    until = models.DateTimeField()
    api = loose(ApiInstance)
    requests = models.BigIntegerField()
    errors = models.BigIntegerField()

    class Meta:
        verbose_name = "requests of an API lately"
        verbose_name_plural = "requests of APIs lately"
        indexes = [models.Index(fields=["grain", "until"], name="lately_by_until")]

    def __str__(self) -> str:
        return f"{self.api_id}, each {self.grain} until {self.until:%Y-%m-%d %H:%M}: {self.requests}"
