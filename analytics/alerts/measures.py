"""What alerts measure of traffic: a statement for each kind of figure, for all APIs and all windows of an
hour at most; one more for each longer window.

Latencies are read of a table that has them whatever their labels, as the database's text: it takes many times
as long to take each count out of its histogram as this process does.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection

from analytics import sources
from analytics.grains import COUNTS, DAY, HOUR, LATENCIES, MINUTE, TRAFFIC, Family
from analytics.ranges import Range

SHORT = 60
"""Minutes: windows up to here are seen minute by minute, in one statement."""
KNOWN_FOR = timedelta(days=30)
"""An API that had no request for so long counts as one that never had any."""
REQUESTS, ERRORS = "requests", "errors"

Parts = Mapping[Any, int]
"""What was counted of one API, by its label: "requests" and "errors", a status, a policy, a bucket."""
Seen = dict[int, dict[int, Parts]]
"""By the window's minutes, then by API; of those without any there is nothing."""


@dataclass(frozen=True)
class Figure:
    """What is added up, by which labels: in SQL, over the columns of the family."""

    family: Family
    values: tuple[str, ...]
    labels: tuple[str, ...] = ()
    where: str = "true"


_COUNTS = Figure(COUNTS, ("requests", "errors"))
_IS_ASKED = "status = ANY(%(statuses)s)"
_LABELS = Figure(
    TRAFFIC,
    ("requests",),
    (f"CASE WHEN {_IS_ASKED} THEN status END", "policy"),
    where=f"({_IS_ASKED} OR policy <> '')",
)


def counts(apis: Iterable[int], windows: Iterable[int], at: datetime) -> Seen:
    """Requests, and those of them that were answered with 400 or above, or cut, in the windows that end at
    `at`, a full minute.
    """
    ids, minutes = list(apis), sorted(set(windows))
    seen: Seen = {window: {} for window in minutes}
    for together in _together(minutes) if ids else ():
        for api, *sums in _ask(_COUNTS, ids, together, at):
            of_requests, of_errors = sums[: len(together)], sums[len(together) :]
            for window, requests, errors in zip(together, of_requests, of_errors, strict=True):
                if requests:
                    seen[window][api] = {REQUESTS: int(requests), ERRORS: int(errors)}
    return seen


def labelled(
    apis: Iterable[int], windows: Iterable[int], at: datetime, statuses: Sequence[int]
) -> tuple[Seen, Seen]:
    """Requests answered with one of these statuses, by it; and those that a policy refused, by that."""
    ids, minutes = list(apis), sorted(set(windows))
    by_status: Seen = {window: {} for window in minutes}
    by_policy: Seen = {window: {} for window in minutes}
    for together in _together(minutes) if ids else ():
        for api, status, policy, *sums in _ask(_LABELS, ids, together, at, statuses):
            for window, requests in zip(together, sums, strict=True):
                if requests and status is not None:
                    _count(by_status[window], api, status, int(requests))
                if requests and policy:
                    _count(by_policy[window], api, policy, int(requests))
    return by_status, by_policy


def latencies(apis: Iterable[int], windows: Iterable[int], at: datetime) -> Seen:
    """How many requests fell into which bucket of a histogram, in the windows that end at `at`."""
    ids, minutes = list(apis), sorted(set(windows))
    seen: Seen = {window: {} for window in minutes}
    for together in _together(minutes) if ids else ():
        parts: dict[int, dict[int, str]] = defaultdict(dict)
        for api, place, listed in _ask_latencies(ids, together, at):
            parts[api][place] = listed
        for api, of_api in parts.items():
            whole: dict[str, int] = defaultdict(int)
            found: Parts = {}
            for place, window in enumerate(together):
                if place in of_api:
                    _add(whole, of_api[place])
                    found = {int(bucket): count for bucket, count in whole.items()}
                if found:
                    seen[window][api] = found
    return seen


def ever(apis: Iterable[int], at: datetime) -> set[int]:
    """Those of these APIs that had a request in the last days."""
    ids = list(apis)
    if not ids:
        return set()
    end = DAY.floor(at) + DAY.length
    over = Range(DAY.floor(at - KNOWN_FOR), end, DAY.seconds, DAY)
    sql = f"SELECT DISTINCT api_id FROM {sources.rows(COUNTS, over)}"
    with connection.cursor() as cursor:
        cursor.execute(sql, {"apis": ids, **sources.times(over)})
        return {api for (api,) in cursor.fetchall()}


def stretch(window: int, at: datetime) -> Range:
    """The window that ends at `at`. One of days begins and ends with a full hour, so that it is read fast."""
    start = at - timedelta(minutes=window)
    over = Range(start, at, MINUTE.seconds, MINUTE)
    if window < DAY.seconds // 60:
        return over
    end = HOUR.floor(at)
    return replace(over, start=end - timedelta(minutes=window), end=end, step=HOUR.seconds, grain=HOUR)


def _together(windows: list[int]) -> list[list[int]]:
    """Those that one statement sees, the shortest first."""
    short = [window for window in windows if window <= SHORT]
    return ([short] if short else []) + [[window] for window in windows if window > SHORT]


def _add(whole: dict[str, int], listed: str) -> None:
    """Histograms as text, with commas between them. `whole` has 0 for what it lacks."""
    for histogram in orjson.loads(f"[{listed}]"):
        for bucket, count in histogram.items():
            whole[bucket] += count


def _ask_latencies(apis: list[int], windows: list[int], at: datetime) -> list[tuple[int, int, str]]:
    """(API, place of the shortest window that they lie in, histograms as text)."""
    over = stretch(windows[-1], at)
    source = sources.rows if windows[-1] <= SHORT else sources.whole
    family = LATENCIES if _has_latencies(over) else TRAFFIC
    starts = {f"start_{window}": at - timedelta(minutes=window) for window in windows[:-1]}
    place = " + ".join(f"(time < %({start})s)::int" for start in starts) or "0"
    sql = f"""
        SELECT api_id, {place}, string_agg(total::text, ',') FROM {source(family, over)} GROUP BY 1, 2
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, {"apis": apis, **sources.times(over), **starts})
        rows: list[tuple[int, int, str]] = cursor.fetchall()
        return rows


def _has_latencies(over: Range) -> bool:
    """Whether they are there wherever traffic is: workers of the release before roll up none."""
    inside = over.inside or replace(over, start=over.end)
    stretches = (
        (over.grain, over.start, inside.start),
        (inside.grain, inside.start, inside.end),
        (over.grain, inside.end, over.end),
    )
    lacking = " UNION ALL ".join(
        f"""SELECT 1 FROM generate_series(%s::timestamptz, %s::timestamptz - interval '1 second',
            interval '{grain.seconds} seconds') AS period
        WHERE EXISTS (SELECT 1 FROM {TRAFFIC.table(grain)} WHERE time = period)
            AND NOT EXISTS (SELECT 1 FROM {LATENCIES.table(grain)} WHERE time = period)"""
        for grain, _, _ in stretches
    )
    with connection.cursor() as cursor:
        cursor.execute(f"{lacking} LIMIT 1", [time for _, *times in stretches for time in times])
        return cursor.fetchone() is None


def _ask(
    figure: Figure, apis: list[int], windows: list[int], at: datetime, statuses: Sequence[int] = ()
) -> list[tuple[Any, ...]]:
    """(API, each label, the sum of the first value for each window, of the next, ...)."""
    over = stretch(windows[-1], at)
    source = sources.rows if windows[-1] <= SHORT else sources.whole
    starts = {f"start_{window}": at - timedelta(minutes=window) for window in windows}
    sums = (
        f"sum({value}) FILTER (WHERE time >= %(start_{window})s)" if len(windows) > 1 else f"sum({value})"
        for value in figure.values
        for window in windows
    )
    sql = f"""
        SELECT {", ".join(("api_id", *figure.labels, *sums))} FROM {source(figure.family, over)}
        WHERE {figure.where} GROUP BY {", ".join(map(str, range(1, len(figure.labels) + 2)))}
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, {"apis": apis, "statuses": list(statuses), **sources.times(over), **starts})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _count(of_window: dict[int, Parts], api: int, label: Any, requests: int) -> None:
    parts: dict[Any, int] = of_window.setdefault(api, {})  # type: ignore[assignment]
    parts[label] = parts.get(label, 0) + requests
