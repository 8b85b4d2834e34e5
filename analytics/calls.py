"""What is asked of one application's calls, or of those of the applications on a page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db import connection

from analytics import ranges, sources
from analytics.grains import HOUR, TRAFFIC
from analytics.models import Sample
from analytics.queries import ask
from analytics.ranges import Range
from apis.contracts.models import Contract
from apis.traffic import Calls
from gateways.protocol.failures import CUT

FAILED = f"(status >= 400 OR status = 0 OR failure = '{CUT}')"
BY_WINDOWS = 3600
"""Seconds, up to which windows are added up."""


@dataclass(frozen=True)
class Trouble:
    """Calls that came to nothing, in the words by which they are counted."""

    api: int
    status: int
    policy: str
    check: str
    failure: str
    requests: int


def last_day(apis: Iterable[int], names: Iterable[str]) -> dict[tuple[int, str], tuple[int, int]]:
    """{(API, application): (requests, answers of 400 and above)} of the last 24 hours, started hours as a
    whole; of those that had requests.
    """
    over = replace(ranges.last(timedelta(days=1)), grain=HOUR)
    mine = f"{sources.OF_APIS} AND application = ANY(%(names)s)"
    sql = f"""
        SELECT api_id, application, sum(requests), sum(requests) FILTER (WHERE {FAILED})
        FROM {sources.rows(TRAFFIC, over, mine)} GROUP BY 1, 2
    """
    found = _asked(sql, over, apis=list(apis), names=list(names))
    return {(api, name): (int(count), int(failed or 0)) for api, name, count, failed in found}


def last_day_of_contracts(applications: Iterable[int], names: Iterable[str]) -> dict[str, tuple[int, int]]:
    """The same by name, with the APIs that these applications have contracts with."""
    over = replace(ranges.last(timedelta(days=1)), grain=HOUR)
    theirs = f"SELECT api_id FROM {Contract._meta.db_table} WHERE application_id = ANY(%(applications)s)"
    mine = f"application = ANY(%(names)s) AND api_id IN ({theirs})"
    sql = f"""
        SELECT application, sum(requests), sum(requests) FILTER (WHERE {FAILED})
        FROM {sources.rows(TRAFFIC, over, mine)} GROUP BY 1
    """
    found = _asked(sql, over, applications=list(applications), names=list(names))
    return {name: (int(count), int(failed or 0)) for name, count, failed in found}


def _asked(sql: str, over: Range, **known: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {**known, **sources.times(over)})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def troubles(calls: Calls, over: Range, limit: int) -> list[Trouble]:
    """What failed, the most frequent first."""
    sql = f"""
        SELECT api_id, status, policy, policy_check, failure, sum(requests)
        FROM {sources.whole(TRAFFIC, over, sources.OF_APPLICATION)}
        WHERE {FAILED} GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC, 1, 2, 3, 4, 5 LIMIT %(limit)s
    """
    found = ask(sql, calls, over, limit=limit)
    return [
        Trouble(api, status, policy, check, failure, int(count))
        for api, status, policy, check, failure, count in found
    ]


def recent(calls: Calls, over: Range, limit: int, *, failed: bool = False) -> list[Sample]:
    """The newest calls that were kept as they were."""
    start = max(over.start, calls.since)
    found = Sample.objects.filter(
        application=calls.application, api__in=calls.apis, time__gte=start, time__lt=over.end
    )
    if failed:
        found = found.exclude(status__range=(100, 399))
    return list(found.select_related("api__asset").order_by("-time")[:limit])


def used(calls: Calls, periods: Sequence[timedelta], limiter: str) -> list[int]:
    """How many requests the policy `limiter` let pass in each of these times up to now."""
    return [_passed(calls, period, limiter) for period in periods]


def _passed(calls: Calls, period: timedelta, limiter: str) -> int:
    seconds = int(period.total_seconds())
    over = ranges.recent(seconds) if seconds <= BY_WINDOWS else ranges.last(period)
    sql = f"""
        SELECT sum(requests) FROM {sources.whole(TRAFFIC, over, sources.OF_APPLICATION)}
        WHERE policy <> %(limiter)s
    """
    ((count,),) = ask(sql, calls, over, limiter=limiter)
    return int(count or 0)
