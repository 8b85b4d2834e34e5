"""Rolls windows up to minutes, minutes to hours, hours to days.

A period that ended and is stale is made anew from all of the finer grain, so doing it twice, or again
when a replica ships late, gives the same. Readers take stale periods from the finer grain (`sources`), so
totals are right at every instant, whether or not this ever runs.
"""

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from analytics import partitions
from analytics.grains import FAMILIES, ROLLED_UP, Family, Grain
from analytics.models import Stale

GRACE = timedelta(seconds=20)


def roll_up(now: datetime | None = None) -> dict[str, int]:
    """Roll up every stale period that ended GRACE ago. How many periods of each grain were.

    One snapshot of the database is read throughout, so a period is only taken off the stale ones
    together with everything that made it so. Call it outside of a transaction.
    """
    now = now or timezone.now()
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("LOCK TABLE analytics_stale IN SHARE UPDATE EXCLUSIVE MODE")
        return {grain.name: _roll_up(grain, now) for grain in ROLLED_UP}


def _roll_up(grain: Grain, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM analytics_stale WHERE grain = %s RETURNING time", [grain.name])
        stale = {time for (time,) in cursor.fetchall()}
    ended = sorted(time for time in stale if time + grain.length + GRACE <= now)
    Stale.objects.bulk_create(Stale(grain=grain.name, time=time) for time in stale.difference(ended))
    partitions.ensure(ended, [grain.name])
    for family in FAMILIES if ended else ():
        _make_anew(family, grain, ended)
    return len(ended)


def _make_anew(family: Family, grain: Grain, periods: list[datetime]) -> None:
    assert grain.finer
    table, finer = family.table(grain), family.table(grain.finer)
    labels = ", ".join(family.labels)
    sums = ", ".join(f"sum({name})" for name in family.sums)
    histograms = ", ".join(f"histogram_sum({name})" for name in family.histograms)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE time = ANY(%s)", [periods])
        cursor.execute(
            f"""
            INSERT INTO {table} ({family.columns})
            SELECT period, {labels}, {sums}, {histograms}
            FROM unnest(%s::timestamptz[]) AS period
            JOIN {finer} ON time >= period AND time < period + interval '{grain.seconds} seconds'
            GROUP BY period, {labels}
            """,
            [periods],
        )
