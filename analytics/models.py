"""Traffic as gateways reported it: counters and histograms at four grains, requests, and what was read.

The tables of counts and samples are partitioned by time in PostgreSQL, so that old data goes by dropping
a table. Their rows point at APIs and replicas without a constraint: rows of a deleted API are seen by
nobody and age out.
"""

from django.db import models

from analytics.columns import indexes, late_label, loose, of_applications
from analytics.lately import ApiLately  # noqa: F401 - Django finds its models here
from analytics.latencies import LatencyMinute  # noqa: F401 - Django finds its models here
from apis.automated.models import AutomatedPolicy
from apis.failing import UpstreamFailure
from apis.models import ApiInstance, PolicyBinding
from console.models import Environment
from gateways.models import Gateway, Replica


class Traffic(models.Model):
    """Requests of one API that share every label, from `time` on, for as long as the table's grain.

    `total` and `upstream` are `gateways.protocol.histogram` histograms of microseconds.
    """

    time = models.DateTimeField()
    api = loose(ApiInstance)
    replica = loose(Replica)
    route = models.CharField(max_length=255)
    method = models.CharField(max_length=16)
    status = models.PositiveSmallIntegerField(help_text="0 when the client left before an answer.")
    policy = models.CharField(max_length=255, blank=True, help_text="The policy that refused.")
    policy_check = late_label("Which check of the policy refused.")
    application = models.CharField(max_length=255, blank=True)
    failure = late_label("Why the upstream failed.")
    failure_detail = late_label()
    upstream_host = late_label("The upstream that failed.")
    service = late_label("The upstream that was asked.")
    requests = models.BigIntegerField()
    received_bytes = models.BigIntegerField()
    sent_bytes = models.BigIntegerField()
    total = models.JSONField()
    upstream = models.JSONField()

    class Meta:
        abstract = True
        indexes = [
            *indexes(),
            # What the state of every API is asked of again and again, and why an environment's requests
            # failed: of failures there are few.
            models.Index(fields=["time"], name="%(class)s_failed", condition=~models.Q(failure="")),
            of_applications("%(class)s_by_app"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.status} {self.time:%Y-%m-%d %H:%M:%S}: {self.requests}"


class TrafficWindow(Traffic):
    """Ten seconds. Several rows may share every label: a window arrives in parts."""

    class Meta(Traffic.Meta):
        verbose_name = "traffic in ten seconds"
        verbose_name_plural = "traffic by ten seconds"


class TrafficMinute(Traffic):
    """Rolled up from windows."""

    class Meta(Traffic.Meta):
        verbose_name = "traffic in a minute"
        verbose_name_plural = "traffic by minute"


class TrafficHour(Traffic):
    """Rolled up from minutes."""

    class Meta(Traffic.Meta):
        verbose_name = "traffic in an hour"
        verbose_name_plural = "traffic by hour"


class TrafficDay(Traffic):
    """Rolled up from hours; a day is UTC's."""

    class Meta(Traffic.Meta):
        verbose_name = "traffic in a day"
        verbose_name_plural = "traffic by day"


class Resource(models.Model):
    """Requests to one path of an API, its ids replaced."""

    time = models.DateTimeField()
    api = loose(ApiInstance)
    method = models.CharField(max_length=16)
    resource = models.CharField(max_length=255)
    requests = models.BigIntegerField()
    client_errors = models.BigIntegerField()
    server_errors = models.BigIntegerField()
    total = models.JSONField()

    class Meta:
        abstract = True
        indexes = indexes()

    def __str__(self) -> str:
        return f"{self.method} {self.resource} {self.time:%Y-%m-%d %H:%M:%S}: {self.requests}"


class ResourceWindow(Resource):
    """Ten seconds, in parts."""

    class Meta(Resource.Meta):
        verbose_name = "traffic of a path in ten seconds"
        verbose_name_plural = "traffic of paths by ten seconds"


class ResourceMinute(Resource):
    """Rolled up from windows."""

    class Meta(Resource.Meta):
        verbose_name = "traffic of a path in a minute"
        verbose_name_plural = "traffic of paths by minute"


class ResourceHour(Resource):
    """Rolled up from minutes."""

    class Meta(Resource.Meta):
        verbose_name = "traffic of a path in an hour"
        verbose_name_plural = "traffic of paths by hour"


class ResourceDay(Resource):
    """Rolled up from hours."""

    class Meta(Resource.Meta):
        verbose_name = "traffic of a path in a day"
        verbose_name_plural = "traffic of paths by day"


class EnvironmentTraffic(models.Model):
    """Requests to all APIs of an environment: what its pages add up would be thousands of rows otherwise.

    Those of an API that was deleted since are still among them.
    """

    time = models.DateTimeField()
    environment = loose(Environment)
    status = models.PositiveSmallIntegerField()
    policy = models.CharField(max_length=255, blank=True)
    failure = late_label()
    requests = models.BigIntegerField()
    received_bytes = models.BigIntegerField()
    sent_bytes = models.BigIntegerField()
    total = models.JSONField()
    upstream = models.JSONField()

    class Meta:
        abstract = True
        indexes = [
            models.Index(fields=["environment", "time"], name="%(class)s_by_env"),
            models.Index(fields=["time"], name="%(class)s_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.time:%Y-%m-%d %H:%M:%S}: {self.requests}"


class EnvironmentMinute(EnvironmentTraffic):
    """Added up from the windows of its APIs."""

    class Meta(EnvironmentTraffic.Meta):
        verbose_name = "traffic of an environment in a minute"
        verbose_name_plural = "traffic of environments by minute"


class EnvironmentHour(EnvironmentTraffic):
    """Rolled up from minutes."""

    class Meta(EnvironmentTraffic.Meta):
        verbose_name = "traffic of an environment in an hour"
        verbose_name_plural = "traffic of environments by hour"


class EnvironmentDay(EnvironmentTraffic):
    """Rolled up from hours."""

    class Meta(EnvironmentTraffic.Meta):
        verbose_name = "traffic of an environment in a day"
        verbose_name_plural = "traffic of environments by day"


class ApiCount(models.Model):
    """How many requests an API had, and how many were answered with 400 and above or cut: for lists."""

    time = models.DateTimeField()
    api = loose(ApiInstance)
    requests = models.BigIntegerField()
    errors = models.BigIntegerField()

    class Meta:
        abstract = True
        indexes = indexes()

    def __str__(self) -> str:
        return f"{self.api_id} {self.time:%Y-%m-%d %H:%M:%S}: {self.requests}"


class ApiMinute(ApiCount):
    """Added up from windows."""

    class Meta(ApiCount.Meta):
        verbose_name = "requests of an API in a minute"
        verbose_name_plural = "requests of APIs by minute"


class ApiHour(ApiCount):
    """Rolled up from minutes."""

    class Meta(ApiCount.Meta):
        verbose_name = "requests of an API in an hour"
        verbose_name_plural = "requests of APIs by hour"


class ApiDay(ApiCount):
    """Rolled up from hours."""

    class Meta(ApiCount.Meta):
        verbose_name = "requests of an API in a day"
        verbose_name_plural = "requests of APIs by day"


class ConditionCount(models.Model):
    """For how many requests of an API a policy's conditions held, and how many it would have refused, where
    it only observes: a policy of its own, or an automated one.
    """

    time = models.DateTimeField()
    api = loose(ApiInstance)
    binding = loose(PolicyBinding, null=True)
    automated = loose(AutomatedPolicy, null=True)
    requests = models.BigIntegerField()
    would_refuse = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        abstract = True
        indexes = [
            *indexes(),
            # What the list of automated policies asks, whatever the number of APIs that they cover.
            models.Index(
                fields=["automated", "time"],
                name="%(class)s_refused",
                condition=models.Q(automated__isnull=False, would_refuse__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.binding_id or self.automated_id} {self.time:%Y-%m-%d %H:%M:%S}: {self.requests}"


class ConditionWindow(ConditionCount):
    """Ten seconds, in parts."""

    class Meta(ConditionCount.Meta):
        verbose_name = "requests that met a policy's conditions in ten seconds"
        verbose_name_plural = "requests that met policies' conditions by ten seconds"


class ConditionMinute(ConditionCount):
    """Rolled up from windows."""

    class Meta(ConditionCount.Meta):
        verbose_name = "requests that met a policy's conditions in a minute"
        verbose_name_plural = "requests that met policies' conditions by minute"


class ConditionHour(ConditionCount):
    """Rolled up from minutes."""

    class Meta(ConditionCount.Meta):
        verbose_name = "requests that met a policy's conditions in an hour"
        verbose_name_plural = "requests that met policies' conditions by hour"


class ConditionDay(ConditionCount):
    """Rolled up from hours."""

    class Meta(ConditionCount.Meta):
        verbose_name = "requests that met a policy's conditions in a day"
        verbose_name_plural = "requests that met policies' conditions by day"


class Sample(models.Model):
    """One request as it was: all of them up to a rate, then some, failed ones first."""

    time = models.DateTimeField()
    api = loose(ApiInstance)
    replica = loose(Replica)
    route = models.CharField(max_length=255)
    method = models.CharField(max_length=16)
    path = models.CharField(max_length=400)
    status = models.PositiveSmallIntegerField()
    policy = models.CharField(max_length=255, blank=True)
    application = models.CharField(max_length=255, blank=True)
    protocol = models.CharField(max_length=255)
    total_us = models.BigIntegerField("total (µs)")
    upstream_us = models.BigIntegerField("upstream (µs)", null=True)
    received_bytes = models.BigIntegerField()
    sent_bytes = models.BigIntegerField()
    remote_address = models.CharField(max_length=255)
    user_agent = models.CharField(max_length=255, blank=True)
    details = models.CharField(max_length=255, help_text="Envoy's response code details.")
    flags = models.CharField(max_length=255, blank=True, help_text="Envoy's response flags.")
    failure = late_label()
    failure_detail = late_label()
    upstream_host = late_label()
    upstream_address = late_label()
    policy_check = late_label("Which check of the policy refused.")
    reason = late_label("Why the policy refused: the check and the compared values.")
    observed = late_label("What policies that only observe would have refused, and why.", 800)
    request_id = late_label()
    service = late_label("The upstream that was asked.")

    class Meta:
        verbose_name = "request sample"
        ordering = ["-time"]
        indexes = [
            models.Index(fields=["api", "time"], name="sample_by_api"),
            models.Index(fields=["time"], name="sample_by_time"),
            models.Index(fields=["api", "request_id"], name="sample_by_request"),
            of_applications("sample_by_application"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"

    @property
    def failed(self) -> UpstreamFailure | None:
        """Why its upstream failed; None where it did not."""
        return (
            UpstreamFailure(self.failure, self.failure_detail, self.upstream_host) if self.failure else None
        )


class LogOffset(models.Model):
    """Up to which byte a replica's log file is in these tables; moves in the transaction of its rows."""

    gateway = models.ForeignKey(Gateway, models.CASCADE, related_name="+")
    replica_id = models.UUIDField()
    file = models.CharField(max_length=60)
    committed = models.BigIntegerField(default=0)
    shed = models.JSONField(default=dict, help_text="Lines of it that were not counted, by reason.")
    updated_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        ordering = ["-updated_at"]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "replica_id", "file"], name="one_offset_per_log_file")
        ]

    def __str__(self) -> str:
        return f"{self.file} of {self.replica_id} to {self.committed}"


class Stale(models.Model):
    """A minute, hour or day whose rollup does not hold everything yet: readers look one grain lower.

    Written with the rows that made it stale and never updated, so that neither ingests nor rollups wait
    for each other; the same period may have several.
    """

    class Grain(models.TextChoices):
        MINUTE = "minute"
        HOUR = "hour"
        DAY = "day"

    grain = models.CharField(max_length=6, choices=Grain)
    time = models.DateTimeField()

    class Meta:
        verbose_name = "stale period"
        indexes = [models.Index(fields=["grain", "time"])]

    def __str__(self) -> str:
        return f"{self.grain} {self.time:%Y-%m-%d %H:%M}"
