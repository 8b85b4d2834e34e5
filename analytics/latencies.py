"""How long the requests of each API took, whatever their labels: a table for each grain, as of traffic."""

from django.db import models

from analytics.columns import indexes, loose
from apis.models import ApiInstance


class ApiLatency(models.Model):
    """How long the requests of an API took, whatever their labels: for what looks at thousands of APIs at
    once. Apart from the counts, which lists add up by the hundred thousand.
    """

    time = models.DateTimeField()
    api = loose(ApiInstance)
    total = models.JSONField()

    class Meta:
        abstract = True
        indexes = indexes()

    def __str__(self) -> str:
        return f"{self.time:%Y-%m-%d %H:%M:%S}"


class LatencyMinute(ApiLatency):
    """Added up from the traffic of the minute."""

    class Meta(ApiLatency.Meta):
        verbose_name = "latencies of an API in a minute"
        verbose_name_plural = "latencies of APIs by minute"


class LatencyHour(ApiLatency):
    """Added up from the traffic of the hour."""

    class Meta(ApiLatency.Meta):
        verbose_name = "latencies of an API in an hour"
        verbose_name_plural = "latencies of APIs by hour"


class LatencyDay(ApiLatency):
    """Added up from the traffic of the day."""

    class Meta(ApiLatency.Meta):
        verbose_name = "latencies of an API in a day"
        verbose_name_plural = "latencies of APIs by day"
