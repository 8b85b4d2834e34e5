"""The grains that traffic is kept at, and which columns of it are labels, sums and histograms."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from django.db import models

from analytics.latencies import LatencyDay, LatencyHour, LatencyMinute
from analytics.models import (
    ApiDay,
    ApiHour,
    ApiMinute,
    ConditionDay,
    ConditionHour,
    ConditionMinute,
    ConditionWindow,
    EnvironmentDay,
    EnvironmentHour,
    EnvironmentMinute,
    ResourceDay,
    ResourceHour,
    ResourceMinute,
    ResourceWindow,
    TrafficDay,
    TrafficHour,
    TrafficMinute,
    TrafficWindow,
)
from gateways.protocol.failures import CUT
from gateways.protocol.messages import ResourceCount, TrafficCount

GrainName = Literal["window", "minute", "hour", "day"]


def bin_of(seconds: int) -> str:
    """SQL for the start of the step, so many seconds long, that holds a row's time."""
    return f"date_bin('{seconds:d} seconds', time, timestamptz '1970-01-01 00:00:00Z')"


@dataclass(frozen=True)
class Grain:
    """One grain; `finer` is the one that it is rolled up from."""

    name: GrainName
    seconds: int
    finer: "Grain | None" = None

    def floor(self, time: datetime) -> datetime:
        """The start of the period that holds this time."""
        return datetime.fromtimestamp(int(time.timestamp()) // self.seconds * self.seconds, UTC)

    @property
    def bin(self) -> str:
        """SQL for the start of the period that holds a row's time."""
        return bin_of(self.seconds)

    @property
    def length(self) -> timedelta:
        return timedelta(seconds=self.seconds)


WINDOW = Grain("window", 10)
MINUTE = Grain("minute", 60, WINDOW)
HOUR = Grain("hour", 3600, MINUTE)
DAY = Grain("day", 86400, HOUR)
ROLLED_UP = (MINUTE, HOUR, DAY)
LATELY = {HOUR: 23, DAY: 29}
"""How many periods that have ended are added up, for what is asked of APIs lately."""
GRAINS = (WINDOW, *ROLLED_UP)


@dataclass(frozen=True)
class Family:
    """The tables that hold the same facts at each grain.

    `windows` is SQL for rows like theirs, where those ten seconds long are in no table of their own. One that
    is `of` another, with fewer labels, is added up from the other's rows of the same grain: they are fewer.
    """

    tables: dict[GrainName, type[models.Model]]
    labels: tuple[str, ...]
    sums: tuple[str, ...] = ()
    histograms: tuple[str, ...] = ()
    windows: str = ""
    of: "Family | None" = None

    @property
    def columns(self) -> str:
        return ", ".join(("time", *self.labels, *self.sums, *self.histograms))

    def table(self, grain: Grain) -> str:
        if grain.name not in self.tables:
            return f"({self.windows}) AS windows"
        return self.tables[grain.name]._meta.db_table


TRAFFIC = Family(
    {"window": TrafficWindow, "minute": TrafficMinute, "hour": TrafficHour, "day": TrafficDay},
    labels=("api_id", "replica_id", *TrafficCount.LABELS),
    sums=TrafficCount.SUMS,
    histograms=TrafficCount.HISTOGRAMS,
)
RESOURCES = Family(
    {"window": ResourceWindow, "minute": ResourceMinute, "hour": ResourceHour, "day": ResourceDay},
    labels=("api_id", *ResourceCount.LABELS),
    sums=ResourceCount.SUMS,
    histograms=ResourceCount.HISTOGRAMS,
)
ENVIRONMENTS = Family(
    {"minute": EnvironmentMinute, "hour": EnvironmentHour, "day": EnvironmentDay},
    labels=("environment_id", "status", "policy", "failure"),
    sums=TrafficCount.SUMS,
    histograms=TrafficCount.HISTOGRAMS,
    windows="SELECT traffic.*, environment_id FROM analytics_trafficwindow AS traffic"
    " JOIN apis_apiinstance AS api ON api.id = traffic.api_id",
)
COUNTS = Family(
    {"minute": ApiMinute, "hour": ApiHour, "day": ApiDay},
    labels=("api_id",),
    sums=("requests", "errors"),
    windows=f"SELECT time, api_id, requests, CASE WHEN status >= 400 OR failure = '{CUT}' THEN requests"
    " ELSE 0 END AS errors FROM analytics_trafficwindow",
)
LATENCIES = Family(
    {"minute": LatencyMinute, "hour": LatencyHour, "day": LatencyDay},
    labels=("api_id",),
    histograms=("total",),
    windows="SELECT time, api_id, total FROM analytics_trafficwindow",
    of=TRAFFIC,
)
CONDITIONS = Family(
    {"window": ConditionWindow, "minute": ConditionMinute, "hour": ConditionHour, "day": ConditionDay},
    labels=("api_id", "binding_id", "automated_id"),
    sums=("requests", "would_refuse"),
)
FAMILIES = (TRAFFIC, RESOURCES, ENVIRONMENTS, COUNTS, LATENCIES, CONDITIONS)
"""What another is `of` comes before it."""
