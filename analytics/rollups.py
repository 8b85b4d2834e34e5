"""Rolls windows up to minutes, minutes to hours, hours to days.

A period that ended and is stale is made anew from all of the finer grain, so doing it twice, or again
when a replica ships late, gives the same. Readers take stale periods from the finer grain (`sources`), so
totals are right at every instant, whether or not this ever runs.
"""

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from analytics import partitions
from analytics.grains import COUNTS, FAMILIES, LATELY, ROLLED_UP, Family, Grain
from analytics.lately import ApiLately
from analytics.models import Stale

GRACE = timedelta(seconds=20)
LARGEST = 2**63 - 1
"""The most that a column holds: nonsense of one gateway must not stop the rollup of all traffic."""


def roll_up(now: datetime | None = None) -> dict[str, int]:
    """Roll up every stale period that ended GRACE ago. Returns how many periods of each grain were.

    One snapshot of the database is read throughout, so a period is only taken off the stale ones
    together with everything that made it so. Call it outside of a transaction.
    """
    now = now or timezone.now()
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("LOCK TABLE analytics_stale IN SHARE UPDATE EXCLUSIVE MODE")
        done: dict[str, int] = {grain.name: _roll_up(grain, now) for grain in ROLLED_UP}
        add_up_lately(now)
    return done


def add_up_lately(now: datetime) -> None:
    """For the hour and the day that hold now, unless that is done and nothing changed since."""
    for grain, count in LATELY.items():
        until = grain.floor(now)
        if ApiLately.objects.filter(grain=grain.name, until=until).exists():
            continue
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM analytics_apilately WHERE grain = %s", [grain.name])
            cursor.execute(
                f"""
                INSERT INTO analytics_apilately (grain, until, api_id, requests, errors)
                SELECT %s, %s, api_id, least(sum(requests), {LARGEST}), least(sum(errors), {LARGEST})
                FROM {COUNTS.table(grain)} WHERE time >= %s AND time < %s GROUP BY api_id
                """,
                [grain.name, until, until - count * grain.length, until],
            )


def _roll_up(grain: Grain, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM analytics_stale WHERE grain = %s RETURNING time", [grain.name])
        stale = {time for (time,) in cursor.fetchall()}
    ended = sorted(time for time in stale if time + grain.length + GRACE <= now)
    Stale.objects.bulk_create(Stale(grain=grain.name, time=time) for time in stale.difference(ended))
    partitions.ensure(ended, [grain.name])
    for start, end in _runs(grain, ended):
        for family in FAMILIES:
            _make_anew(family, grain, start, end)
    return len(ended)


def _runs(grain: Grain, periods: list[datetime]) -> list[tuple[datetime, datetime]]:
    """Neighbouring periods as one stretch each: (start, end)."""
    runs: list[tuple[datetime, datetime]] = []
    for period in periods:
        if runs and runs[-1][1] == period:
            runs[-1] = runs[-1][0], period + grain.length
        else:
            runs.append((period, period + grain.length))
    return runs


def _make_anew(family: Family, grain: Grain, start: datetime, end: datetime) -> None:
    assert grain.finer
    table = family.table(grain)
    finer = family.of.table(grain) if family.of else family.table(grain.finer)
    labels = ", ".join(family.labels)
    added = [f"least(sum({name}), {LARGEST})" for name in family.sums] + [
        f"histogram_sum({name})" for name in family.histograms
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE time >= %s AND time < %s", [start, end])
        cursor.execute(
            f"""
            INSERT INTO {table} ({family.columns})
            SELECT {grain.bin}, {labels}, {", ".join(added)}
            FROM {finer} WHERE time >= %s AND time < %s
            GROUP BY 1, {labels}
            """,
            [start, end],
        )
