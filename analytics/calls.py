"""What is asked of one application's calls, or of those of the applications on a page."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Q

from analytics import ranges, sources
from analytics.grains import HOUR, TRAFFIC
from analytics.models import Sample
from analytics.queries import ask
from analytics.ranges import Range
from apis import resource_names
from apis.contracts.models import Application, Contract
from apis.models import ApiInstance
from apis.traffic import ApplicationCalls
from gateways.protocol.failures import CUT

FAILED = f"(status >= 400 OR status = 0 OR failure = '{CUT}')"
BY_WINDOWS = 3600
"""Seconds, up to which windows are added up."""
Count = tuple[int, int]
"""How many requests, and how many of them were answered with 400 and above, or not at all."""
K = TypeVar("K")
_THEIRS = "application = ANY(%(labels)s)"
_COUNT = f"sum(requests), sum(requests) FILTER (WHERE {FAILED})"


@dataclass(frozen=True)
class FailedCount:
    """Calls that came to nothing, in the words by which they are counted."""

    api: int
    status: int
    policy: str
    check: str
    failure: str
    requests: int


def last_day(apis: Iterable[int], names: Mapping[int, str]) -> dict[tuple[int, int], Count]:
    """By API and application, of those that had requests in the last 24 hours, started hours as a whole. The
    names are those of applications, by id.
    """
    over = replace(ranges.last(timedelta(days=1)), grain=HOUR)
    mine = f"{sources.OF_APIS} AND {_THEIRS}"
    sql = f"SELECT api_id, application, {_COUNT} FROM {sources.rows(TRAFFIC, over, mine)} GROUP BY 1, 2"
    whose = _whose(names)
    found = _asked(sql, over, apis=list(apis), labels=list(whose))
    return _added(
        ((api, pk), (int(count), int(failed or 0)))
        for api, label, count, failed in found
        for pk in whose[label]
    )


def last_day_of_contracts(names: Mapping[int, str]) -> dict[int, Count]:
    """The same by application, with the APIs that these have contracts with."""
    over = replace(ranges.last(timedelta(days=1)), grain=HOUR)
    theirs = f"SELECT api_id FROM {Contract._meta.db_table} WHERE application_id = ANY(%(applications)s)"
    mine = f"{_THEIRS} AND api_id IN ({theirs})"
    sql = f"SELECT application, {_COUNT} FROM {sources.rows(TRAFFIC, over, mine)} GROUP BY 1"
    whose = _whose(names)
    found = _asked(sql, over, applications=list(names), labels=list(whose))
    return _added(
        (pk, (int(count), int(failed or 0))) for label, count, failed in found for pk in whose[label]
    )


def callers(api: ApiInstance, samples: Iterable[Sample]) -> dict[str, str]:
    """What applications are called today, by the labels that these requests to the API were counted by. One
    that has no contract with the API, any more or ever, is not looked up: gateways tell what they like.
    """
    labels = {one.application for one in samples if one.application}
    ids = {label: pk for label in labels if (pk := resource_names.application_of(label))}
    known = Application.objects.filter(pk__in=ids.values(), contracts__api=api) if ids else ()
    names = {one.pk: one.name for one in known}
    return {label: names.get(ids.get(label, 0), label) for label in labels}


def _whose(names: Mapping[int, str]) -> dict[str, list[int]]:
    """The applications that rows with a label are of. Two tenants' may have one name."""
    found: dict[str, list[int]] = defaultdict(list)
    for pk, name in names.items():
        for label in resource_names.labels_of_application(pk, name):
            found[label].append(pk)
    return found


def _added(counts: Iterable[tuple[K, Count]]) -> dict[K, Count]:
    found: dict[K, Count] = {}
    for key, (requests, failed) in counts:
        before = found.get(key, (0, 0))
        found[key] = before[0] + requests, before[1] + failed
    return found


def _asked(sql: str, over: Range, **known: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {**known, **sources.times(over)})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def troubles(calls: ApplicationCalls, over: Range, limit: int) -> list[FailedCount]:
    """What failed, the most frequent first."""
    sql = f"""
        SELECT api_id, status, policy, policy_check, failure, sum(requests)
        FROM {sources.whole(TRAFFIC, over, sources.OF_APPLICATION)}
        WHERE {FAILED} GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC, 1, 2, 3, 4, 5 LIMIT %(limit)s
    """
    found = ask(sql, calls, over, limit=limit)
    return [
        FailedCount(api, status, policy, check, failure, int(count))
        for api, status, policy, check, failure, count in found
    ]


def recent(calls: ApplicationCalls, over: Range, limit: int, *, failed: bool = False) -> list[Sample]:
    """The newest calls that were kept as they were."""
    theirs = Q(application=calls.label) | Q(application=calls.name, time__gte=calls.since)
    found = Sample.objects.filter(theirs, api__in=calls.apis, time__gte=over.start, time__lt=over.end)
    if failed:
        found = found.exclude(status__range=(100, 399))
    return list(found.select_related("api__asset", "api__environment").order_by("-time")[:limit])


def used(calls: ApplicationCalls, periods: Sequence[timedelta], refusers: Collection[str]) -> list[int]:
    """How many requests none of these policies refused in each of these times up to now."""
    return [_passed(calls, period, refusers) for period in periods]


def _passed(calls: ApplicationCalls, period: timedelta, refusers: Collection[str]) -> int:
    seconds = int(period.total_seconds())
    over = ranges.recent(seconds) if seconds <= BY_WINDOWS else ranges.last(period)
    sql = f"""
        SELECT sum(requests) FROM {sources.whole(TRAFFIC, over, sources.OF_APPLICATION)}
        WHERE policy <> ALL(%(refusers)s)
    """
    ((count,),) = ask(sql, calls, over, refusers=list(refusers))
    return int(count or 0)
