"""What is asked of traffic. Each function is one statement, whatever the number of APIs or the range."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

import orjson
from django.db import connection

from analytics import ranges, sources
from analytics.figures import CLASSES, Figures, LabelShare, ResourceShare
from analytics.grains import (
    COUNTS,
    DAY,
    ENVIRONMENTS,
    HOUR,
    RESOURCES,
    TRAFFIC,
    WINDOW,
    bin_of,
)
from analytics.models import Sample
from analytics.ranges import Range
from apis.failing import Failing, UpstreamFailure
from apis.traffic import ApplicationCalls
from console.models import Environment
from gateways.protocol.failures import CUT
from gateways.protocol.histogram import Histogram


class UpstreamCalls(NamedTuple):
    """Of one of an API's upstreams, by its Service's name."""

    api: int
    service: str


Whose = Iterable[int] | Environment | ApplicationCalls | UpstreamCalls
"""The ids of APIs, or all that an environment had, those of APIs that were deleted since among it; what
one application called, or one upstream was asked.
"""

_BY_CLASS = f"""
    sum(requests), sum(requests) FILTER (WHERE status BETWEEN 200 AND 299 AND failure <> '{CUT}'),
    sum(requests) FILTER (WHERE status BETWEEN 300 AND 399 AND failure <> '{CUT}'),
    sum(requests) FILTER (WHERE status BETWEEN 400 AND 499),
    sum(requests) FILTER (WHERE status >= 500),
    sum(requests) FILTER (WHERE status BETWEEN 100 AND 199 AND failure <> '{CUT}'),
    sum(requests) FILTER (WHERE status BETWEEN 100 AND 399 AND failure = '{CUT}'),
    sum(requests) FILTER (WHERE policy <> ''), sum(received_bytes), sum(sent_bytes)
"""
# histogram_sum takes 40 µs before its first bucket: too long where every step of a range has its own.
_LISTED = "string_agg(total::text, ','), string_agg(upstream::text, ',')"
_WITHOUT = "NULL, NULL"


def figures(whose: Whose, over: Range) -> Figures:
    """Everything together."""
    merged = "histogram_sum(total), histogram_sum(upstream)"
    sql = f"SELECT {_BY_CLASS}, {merged} FROM {_traffic(whose, over, sources.whole)}"
    (row,) = ask(sql, whose, over)
    return _figures(row)


def had_traffic(whose: Whose, over: Range) -> bool:
    """Whether there was any request, at the cost of finding one."""
    return bool(ask(f"SELECT 1 FROM {_traffic(whose, over)} LIMIT 1", whose, over))


def requests(whose: Whose, over: Range) -> int:
    """How many, at less cost than all figures."""
    is_counted = not isinstance(whose, Environment | ApplicationCalls | UpstreamCalls)
    source = sources.rows(COUNTS, over) if is_counted else _traffic(whose, over)
    ((count,),) = ask(f"SELECT sum(requests) FROM {source}", whose, over)
    return int(count or 0)


def series(whose: Whose, over: Range, *, with_latencies: bool = True) -> list[Figures]:
    """One for every step of the range, empty ones too."""
    histograms = _LISTED if with_latencies else _WITHOUT
    sql = f"SELECT {bin_of(over.step)}, {_BY_CLASS}, {histograms} FROM {_traffic(whose, over)} GROUP BY 1"
    found = {time: _figures(row) for time, *row in ask(sql, whose, over)}
    return [found.get(time, Figures()) for time in over.times]


def charted(whose: Whose, over: Range) -> tuple[list[Figures], dict[str, list[int]]]:
    """`series`, and {policy: refused requests in each step}, the policy that refused most first: of one
    statement, whose rows are a step's of each policy.
    """
    step = bin_of(over.step)
    sql = f"SELECT policy, {step}, {_BY_CLASS}, {_LISTED} FROM {_traffic(whose, over)} GROUP BY 1, 2"
    steps: dict[datetime, list[Sequence[Any]]] = defaultdict(list)
    refused: dict[str, dict[datetime, int]] = defaultdict(dict)
    for policy, time, *row in ask(sql, whose, over):
        steps[time].append(row)
        if policy:
            refused[policy][time] = int(row[0])
    found = {time: _figures(_together(parts)) for time, parts in steps.items()}
    ordered = sorted(refused, key=lambda policy: -sum(refused[policy].values()))
    return (
        [found.get(time, Figures()) for time in over.times],
        {policy: [refused[policy].get(time, 0) for time in over.times] for policy in ordered},
    )


def _together(rows: list[Sequence[Any]]) -> Sequence[Any]:
    """The sums of what `_figures` reads, and histograms one after the other."""
    if len(rows) == 1:
        return rows[0]
    *sums, total, upstream = zip(*rows, strict=True)
    added = (sum(int(one or 0) for one in column) for column in sums)
    return [*added, ",".join(filter(None, total)), ",".join(filter(None, upstream))]


def errors_by_api(whose: Whose, over: Range) -> dict[int, tuple[int, int]]:
    """{API: (requests, answers of 400 and above)} of every API that had requests; cheap for thousands, most
    of all for an environment's, of which there are no ids to compare.
    """
    source = sources.rows(COUNTS, over, _mine(whose))
    sql = f"SELECT api_id, sum(requests), sum(errors) FROM {source} GROUP BY 1"
    return {api: (int(requests), int(errors)) for api, requests, errors in ask(sql, whose, over)}


def by_api(whose: Iterable[int] | ApplicationCalls, over: Range) -> dict[int, Figures]:
    """Of every API that had requests, without the upstream's latencies."""
    # Added up here: PostgreSQL takes a jsonb apart in more time than it takes to send it.
    histograms = "string_agg(total::text, ','), NULL"
    source = sources.whole(TRAFFIC, over, _mine(whose))
    sql = f"SELECT api_id, {_BY_CLASS}, {histograms} FROM {source} GROUP BY 1"
    return {api: _figures(row) for api, *row in ask(sql, whose, over)}


def requests_by_api(apis: Iterable[int], over: Range) -> dict[int, list[int]]:
    """How many requests in each step, of every API that had some."""
    source = sources.rows(TRAFFIC, over)
    found: dict[int, dict[datetime, int]] = {}
    for api, time, requests in ask(
        f"SELECT api_id, {bin_of(over.step)}, sum(requests) FROM {source} GROUP BY 1, 2", apis, over
    ):
        found.setdefault(api, {})[time] = int(requests)
    return {api: [counts.get(time, 0) for time in over.times] for api, counts in found.items()}


def breakdowns(whose: Iterable[int] | UpstreamCalls, over: Range) -> dict[str, list[LabelShare]]:
    """{"method" | "status" | "replica_id" | "route": parts, largest first}.

    Each histogram is added up once, in what has all labels in common, before it counts for each of them.
    """
    labels = ("method", "status", "replica_id", "route")
    sql = f"""
        SELECT {", ".join(f"{label}::text" for label in labels)}, sum(requests), histogram_sum(total)
        FROM (
            SELECT {", ".join(labels)}, sum(requests) AS requests, histogram_sum(total) AS total
            FROM {sources.whole(TRAFFIC, over, _mine(whose))} GROUP BY {", ".join(labels)}
        ) AS whole
        GROUP BY GROUPING SETS ({", ".join(f"({label})" for label in labels)})
        ORDER BY sum(requests) DESC
    """
    found: dict[str, list[LabelShare]] = {label: [] for label in labels}
    for *values, requests, total in ask(sql, whose, over):
        label, value = next(pair for pair in zip(labels, values, strict=True) if pair[1] is not None)
        found[label].append(LabelShare(value, int(requests), _histogram(total)))
    return found


def failures(whose: Whose, over: Range) -> list[UpstreamFailure]:
    """Why requests failed at their upstreams, by reason and upstream, the most frequent first.

    An index leads to what failed; an environment's are those of the APIs that it has now.
    """
    sql = f"""
        SELECT failure, failure_detail, upstream_host, sum(requests)
        FROM {sources.whole(TRAFFIC, over, _mine(whose))}
        WHERE failure <> '' GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3
    """
    found = ask(sql, whose, over)
    return [UpstreamFailure(reason, detail, host, int(requests)) for reason, detail, host, requests in found]


def last_active(apis: Iterable[int]) -> dict[int, datetime]:
    """The start of the last period with requests, by API, in the finest grain that still has one."""
    found: dict[int, datetime] = {}
    wanted = list(apis)
    for grain in (WINDOW, HOUR, DAY):
        wanted = [api for api in wanted if api not in found]
        if not wanted:
            break
        # Each API's own newest row, by the index, partition after partition from the newest on.
        sql = f"""
            SELECT api, (
                SELECT time FROM {TRAFFIC.table(grain)} WHERE api_id = api ORDER BY time DESC LIMIT 1
            )
            FROM unnest(%s::bigint[]) AS wanted (api)
        """
        with connection.cursor() as cursor:
            cursor.execute(sql, [wanted])
            found |= {api: time for api, time in cursor.fetchall() if time}
    return found


def failing(whose: Whose) -> dict[int, Failing]:
    """What failed at upstreams in the last minutes, by API, of those whose upstreams ask for a look.

    Two statements over windows, which hold everything; an index leads to the failed ones, of which there
    are few.
    """
    over = ranges.recent(Failing.SECONDS)
    parts: dict[int, list[UpstreamFailure]] = defaultdict(list)
    sql = f"""
        SELECT api_id, failure, failure_detail, upstream_host, sum(requests) FROM analytics_trafficwindow
        WHERE failure <> '' AND time >= %(start)s AND {_mine(whose)}
        GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 2, 3, 4
    """
    for api, reason, detail, host, requests in ask(sql, whose, over):
        parts[api].append(UpstreamFailure(reason, detail, host, int(requests)))
    if not parts:
        return {}
    sql = f"""
        SELECT api_id, sum(requests) FROM analytics_trafficwindow
        WHERE policy = '' AND time >= %(start)s AND {sources.OF_APIS} GROUP BY 1
    """
    passed = dict(ask(sql, parts, over))
    found = {api: Failing(tuple(some), int(passed[api])) for api, some in parts.items() if api in passed}
    return {api: one for api, one in found.items() if one.asks_for_a_look}


def by_service(api: int, over: Range) -> dict[str, Figures]:
    """Of each upstream of the API that was asked; by "", what gateways of the release before did not tell."""
    sql = f"""
        SELECT service, {_BY_CLASS}, histogram_sum(total), histogram_sum(upstream)
        FROM {sources.whole(TRAFFIC, over)}
        WHERE service <> '' OR failure <> '' OR upstream <> '{{}}' GROUP BY 1 ORDER BY 2 DESC, 1
    """
    return {service: _figures(row) for service, *row in ask(sql, [api], over)}


def checks(apis: Iterable[int], over: Range, limit: int = 20) -> list[tuple[str, str, int]]:
    """(policy, which of its checks, refused requests), the most frequent first."""
    sql = f"""
        SELECT policy, policy_check, sum(requests) FROM {sources.whole(TRAFFIC, over)}
        WHERE policy <> '' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT %(limit)s
    """
    return [(policy, check, int(count)) for policy, check, count in ask(sql, apis, over, limit=limit)]


def top_resources(apis: Iterable[int], over: Range, limit: int = 10) -> list[ResourceShare]:
    """The resources with the most requests."""
    sql = f"""
        SELECT method, resource, sum(requests), sum(client_errors), sum(server_errors), histogram_sum(total)
        FROM {sources.whole(RESOURCES, over)}
        GROUP BY 1, 2 ORDER BY 3 DESC, 2, 1 LIMIT %(limit)s
    """
    return [
        ResourceShare(method, resource, int(requests), int(client), int(server), _histogram(total))
        for method, resource, requests, client, server, total in ask(sql, apis, over, limit=limit)
    ]


def day_of_resources(api: int, limit: int) -> list[ResourceShare]:
    """The same of the last 24 hours, started hours as a whole."""
    return top_resources([api], last_day_range(), limit)


def recorded_paths(api: int, limit: int) -> list[tuple[str, str]]:
    """Methods and paths of the newest recorded requests of the last 24 hours, the newest first."""
    since = ranges.last(timedelta(days=1)).start
    rows = Sample.objects.filter(api=api, time__gte=since).order_by("-time")
    return list(rows.values_list("method", "path")[:limit])


def summary(api: int, minutes: int) -> Figures:
    """Of the last so many minutes, up to now."""
    return figures([api], ranges.last(timedelta(minutes=minutes)))


def last_day(whose: Whose) -> dict[int, tuple[int, int]]:
    """{API: (requests, answers of 400 and above)} of the last 24 hours, started hours as a whole."""
    return errors_by_api(whose, last_day_range())


def last_day_range() -> Range:
    return replace(ranges.last(timedelta(days=1)), grain=HOUR)


def hours(apis: Iterable[int]) -> dict[int, list[tuple[int, int]]]:
    """The same for each hour of the last 24, started ones as a whole, of every API that had requests."""
    over = last_day_range()
    last = HOUR.floor(over.end - timedelta(seconds=1))
    over = replace(over, start=last - 23 * HOUR.length)
    # A row of each API, not of each of its hours, of which a page has six hundred.
    hour = f"extract(epoch FROM {bin_of(HOUR.seconds)} - %(start)s)::int / {HOUR.seconds}"
    sql = f"""
        SELECT api_id, string_agg(hour || ',' || requests || ',' || errors, ',') FROM (
            SELECT api_id, {hour} AS hour, sum(requests) AS requests, sum(errors) AS errors
            FROM {sources.rows(COUNTS, over)} GROUP BY 1, 2
        ) AS counted GROUP BY 1
    """
    return {api: _by_hour(orjson.loads(f"[{listed}]")) for api, listed in ask(sql, apis, over)}


def _by_hour(listed: list[int]) -> list[tuple[int, int]]:
    """Of hour, requests, errors, one after the other."""
    found = [(0, 0)] * 24
    for at in range(0, len(listed), 3):
        found[listed[at]] = listed[at + 1], listed[at + 2]
    return found


def _traffic(whose: Whose, over: Range, source: Callable[..., str] = sources.rows) -> str:
    if isinstance(whose, Environment):
        return source(ENVIRONMENTS, over, "environment_id = %(environment)s")
    return source(TRAFFIC, over, _mine(whose))


def _mine(whose: Whose) -> str:
    """The condition for the rows of these APIs, or of those of the environment, application or upstream."""
    if isinstance(whose, ApplicationCalls):
        return sources.OF_APPLICATION
    if isinstance(whose, UpstreamCalls):
        return sources.OF_SERVICE
    return sources.OF_ENVIRONMENT if isinstance(whose, Environment) else sources.OF_APIS


def _parameters(whose: Whose) -> dict[str, Any]:
    if isinstance(whose, Environment):
        return {"environment": whose.pk}
    if isinstance(whose, UpstreamCalls):
        return {"apis": [whose.api], "service": whose.service}
    if isinstance(whose, ApplicationCalls):
        return {"apis": list(whose.apis), "label": whose.label, "name": whose.name, "since": whose.since}
    return {"apis": list(whose)}


def ask(sql: str, whose: Whose, over: Range, **more: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {**_parameters(whose), **sources.times(over), **more})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _figures(row: Iterable[Any]) -> Figures:
    *sums, total, upstream = row
    requests, *known, refused, received, sent = (int(value or 0) for value in sums)
    return Figures(
        requests,
        dict(zip(CLASSES, [*known, requests - sum(known)], strict=True)),
        refused,
        received,
        sent,
        _histogram(total),
        _histogram(upstream),
    )


def _histogram(listed: str | None) -> Histogram:
    """The sum of one histogram, or of several with commas between them, as text: Django's cursors give
    jsonb as text.
    """
    whole: dict[str, int] = defaultdict(int)
    for bucket, count in chain.from_iterable(map(dict.items, orjson.loads(f"[{listed or ''}]"))):
        whole[bucket] += count
    return {int(bucket): count for bucket, count in whole.items()}
