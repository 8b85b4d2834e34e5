"""What alerts measure of traffic: a statement for each kind of figure, for all APIs and all windows of an
hour at most; one more for each longer window.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from analytics import sources
from analytics.grains import COUNTS, DAY, HOUR, MINUTE, TRAFFIC, Family
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
    """How parts are counted: `label` and `value` are SQL, over the columns of the family and of `join`."""

    family: Family
    label: str
    value: str
    join: str = ""
    where: str = "true"


_REQUESTS = Figure(COUNTS, f"'{REQUESTS}'", "requests")
_ERRORS = Figure(COUNTS, f"'{ERRORS}'", "errors", where="errors > 0")
STATUSES = Figure(TRAFFIC, "status", "requests", where="status = ANY(%(labels)s)")
POLICIES = Figure(TRAFFIC, "policy", "requests", where="policy <> ''")
BUCKETS = Figure(
    TRAFFIC,
    "bucket.key::int",
    "bucket.value::bigint",
    join="CROSS JOIN LATERAL jsonb_each_text(total) AS bucket",
)


def counts(apis: Iterable[int], windows: Iterable[int], at: datetime) -> Seen:
    """Requests, and those of them that were answered with 400 or above, or cut."""
    ids, minutes = list(apis), set(windows)
    whole = measured(_REQUESTS, ids, minutes, at)
    for window, found in measured(_ERRORS, ids, minutes, at).items():
        for api, parts in found.items():
            whole[window][api] = {**whole[window].get(api, {}), **parts}
    return whole


def measured(
    figure: Figure, apis: Iterable[int], windows: Iterable[int], at: datetime, labels: Sequence[Any] = ()
) -> Seen:
    """Of the windows that end at `at`, a full minute."""
    ids, minutes = list(apis), sorted(set(windows))
    seen: Seen = {window: defaultdict(dict) for window in minutes}
    if not ids or not minutes:
        return seen
    short = [window for window in minutes if window <= SHORT]
    for together in ([short] if short else []) + [[window] for window in minutes if window > SHORT]:
        for api, label, *values in _ask(figure, ids, together, at, labels):
            for window, value in zip(together, values, strict=True):
                if value:
                    seen[window][api][label] = int(value)  # type: ignore[index]
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


def _ask(
    figure: Figure, apis: list[int], windows: list[int], at: datetime, labels: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """(API, label, the sum for each window)."""
    over = stretch(windows[-1], at)
    source = sources.rows if windows[-1] <= SHORT else sources.whole
    starts = {f"start_{window}": at - timedelta(minutes=window) for window in windows}
    if len(windows) > 1:
        sums = ", ".join(f"sum({figure.value}) FILTER (WHERE time >= %(start_{one})s)" for one in windows)
    else:
        sums = f"sum({figure.value})"
    sql = f"""
        SELECT api_id, {figure.label}, {sums} FROM {source(figure.family, over)} {figure.join}
        WHERE {figure.where} GROUP BY 1, 2
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, {"apis": apis, "labels": list(labels), **sources.times(over), **starts})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
