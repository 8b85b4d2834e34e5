"""The partitions of the tables by time: made ahead, made on demand, dropped by age and by size."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone

from analytics.grains import FAMILIES, GrainName
from analytics.models import Sample

AHEAD = timedelta(days=2)
_LOCK = 0x67617465

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Partition:
    """The rows of `table` from `start` to before `end`."""

    table: str
    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        return f"{self.table}_{self.start:%Y%m%d}"


def ensure(times: Iterable[datetime], grains: Iterable[GrainName]) -> None:
    """Make the partitions that rows of these times need, where there are none."""
    times = list(times)
    wanted = {
        _partition(model, grain, time) for model, grain in _tables() if grain in grains for time in times
    }
    if missing := _missing(wanted):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            for partition in missing:
                cursor.execute(
                    f"CREATE TABLE IF NOT EXISTS {partition.name} PARTITION OF {partition.table}"
                    f" FOR VALUES FROM ('{partition.start.isoformat()}') TO ('{partition.end.isoformat()}')"
                )


def make_ahead() -> None:
    """The partitions of now and of the next two days."""
    now = timezone.now()
    ensure((now, now + AHEAD), ("window", "minute", "hour", "day"))


def drop_old() -> list[str]:
    """Drop what is older than ANALYTICS_KEEP_DAYS, then what is over ANALYTICS_MAX_BYTES. The names."""
    dropped = [
        partition.name
        for model, grain in _tables()
        for partition in _existing(model, grain)
        if partition.end <= timezone.now() - timedelta(days=settings.ANALYTICS_KEEP_DAYS[grain])
    ]
    _drop(dropped)
    over = [partition.name for partition in _over_size()]
    _drop(over)
    return dropped + over


def _tables() -> Iterator[tuple[type[models.Model], GrainName]]:
    for family in FAMILIES:
        for grain, model in family.tables.items():
            yield model, grain
    yield Sample, "window"


def _partition(model: type[models.Model], grain: GrainName, time: datetime) -> Partition:
    """By day; hours and days, of which there are few, by month."""
    start = time.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if grain in ("window", "minute"):
        return Partition(model._meta.db_table, start, start + timedelta(days=1))
    start = start.replace(day=1)
    return Partition(model._meta.db_table, start, (start + timedelta(days=32)).replace(day=1))


def _missing(wanted: set[Partition]) -> list[Partition]:
    by_name = {partition.name: partition for partition in wanted}
    with connection.cursor() as cursor:
        cursor.execute("SELECT n FROM unnest(%s::text[]) n WHERE to_regclass(n) IS NULL", [list(by_name)])
        return [by_name[name] for (name,) in cursor.fetchall()]


def _existing(model: type[models.Model], grain: GrainName) -> list[Partition]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1",
            [model._meta.db_table],
        )
        names = [name for (name,) in cursor.fetchall()]
    days = [datetime.strptime(name.rpartition("_")[2], "%Y%m%d").replace(tzinfo=UTC) for name in names]
    return [_partition(model, grain, day) for day in days]


def oldest_taken() -> datetime:
    """Traffic from before is no longer taken in: the windows that its minute is made of may be gone."""
    return timezone.now() - timedelta(days=settings.ANALYTICS_KEEP_DAYS["window"] - 1)


def _over_size() -> list[Partition]:
    """The oldest day partitions that must go for the rest to fit, as far as they may.

    Single requests go up to yesterday's; windows and minutes only where no late traffic is taken in.
    """
    spare = {model._meta.db_table: oldest_taken() for model, _ in _tables()}
    spare[Sample._meta.db_table] = timezone.now()
    partitions = [
        partition
        for model, grain in _tables()
        if grain in ("window", "minute")
        for partition in _existing(model, grain)
    ]
    sizes = _sizes(partitions)
    excess = sum(sizes.values()) - settings.ANALYTICS_MAX_BYTES
    over = []
    for partition in sorted(partitions, key=lambda partition: partition.start):
        if excess > 0 and partition.end <= spare[partition.table]:
            excess -= sizes[partition.name]
            over.append(partition)
    return over


def _sizes(partitions: list[Partition]) -> dict[str, int]:
    """Bytes of each, its indexes included."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n, pg_total_relation_size(n::regclass) FROM unnest(%s::text[]) n",
            [[partition.name for partition in partitions]],
        )
        return dict(cursor.fetchall())


def _drop(names: list[str]) -> None:
    for name in names:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '3s'")
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
        log.info("partition=%s dropped=true", name)
