"""The rows that a question is asked of: the grain's own, and finer ones where its rollup is stale."""

from datetime import datetime, timedelta

from django.utils import timezone

from analytics.grains import COUNTS, LATELY, WINDOW, Family, Grain
from analytics.ranges import Range

OF_APIS = "api_id = ANY(%(apis)s)"
OF_APPLICATION = f"{OF_APIS} AND (application = %(label)s OR (application = %(name)s AND time >= %(since)s))"
OF_SERVICE = f"{OF_APIS} AND service = %(service)s"
OF_ENVIRONMENT = "api_id IN (SELECT id FROM apis_apiinstance WHERE environment_id = %(environment)s)"


def rows(family: Family, over: Range, mine: str = OF_APIS) -> str:
    """A subquery over `family.columns`, with the parameters of the condition `mine` and of `times`.

    One statement reads one snapshot, so a request that moves from a finer table to a coarser one
    meanwhile is counted once.
    """
    return _source(_parts(family, over.grain, mine, "start", "end"))


def whole(family: Family, over: Range, mine: str = OF_APIS) -> str:
    """`rows` for questions that do not tell the steps of the range apart: of its inside, coarser ones.

    A month of hours is two days of hours at most, and days.
    """
    inside = over.inside
    if inside is None:
        return rows(family, over, mine)
    return _source(
        [
            *_parts(family, over.grain, mine, "start", "inside_start"),
            *_parts(family, inside.grain, mine, "inside_start", "inside_end"),
            *_parts(family, over.grain, mine, "inside_end", "end"),
        ]
    )


def of_all(over: Range) -> str:
    """(api_id, requests, errors) of all APIs, without times: `whole`, or where `over` ends with the hour or
    the day that holds now, what is added up already up to that, unless some of it is stale or was rolled up
    since.
    """
    grain = over.grain
    if not _is_lately(over):
        return f"(SELECT api_id, requests, errors FROM {whole(COUNTS, over, 'true')}) AS counted"
    is_added_up = f"lately_is_whole('{grain.name}', %(newest)s, %(start)s)"
    parts = [
        *_parts(COUNTS, grain, f"NOT {is_added_up}", "start", "end"),
        *_parts(COUNTS, grain, is_added_up, "newest", "end"),
    ]
    added_up = f"WHERE grain = '{grain.name}' AND until = %(newest)s AND {is_added_up}"
    return (
        f"(SELECT api_id, requests, errors FROM analytics_apilately {added_up}"
        f" UNION ALL SELECT api_id, requests, errors FROM {_source(parts)}) AS counted"
    )


def _is_lately(over: Range) -> bool:
    """Whether it is of as many periods as are added up, the last of which holds now."""
    if over.grain not in LATELY:
        return False
    length, newest = over.grain.length, _newest(over)
    begins = newest - LATELY[over.grain] * length
    return newest == over.grain.floor(timezone.now()) and begins - length < over.start <= begins


def _newest(over: Range) -> datetime:
    return over.grain.floor(over.end - timedelta(seconds=1))


def times(over: Range) -> dict[str, datetime]:
    """The parameters of both."""
    inside = over.inside or over
    return {
        "start": over.start,
        "end": over.end,
        "inside_start": inside.start,
        "inside_end": inside.end,
        "newest": _newest(over),
    }


def _source(parts: list[str]) -> str:
    return "(" + " UNION ALL ".join(parts) + ") AS source"


def _parts(family: Family, grain: Grain, mine: str, start: str, end: str) -> list[str]:
    """`start` and `end` are names of parameters."""
    in_range = f"time >= %({start})s AND time < %({end})s"
    parts = [f"SELECT {family.columns} FROM {family.table(grain)} WHERE {mine} AND {in_range}{_fresh(grain)}"]
    below = grain
    while below.finer:
        parts.append(f"{_finer(family, below, start, end)} WHERE {mine} AND {in_range}{_fresh(below.finer)}")
        below = below.finer
    return parts


def _finer(family: Family, stale: Grain, start: str, end: str) -> str:
    """The finer rows of the periods that are stale at grain `stale`, driven from those few periods."""
    assert stale.finer
    return (
        f"SELECT {family.columns} FROM ("
        f"SELECT DISTINCT time AS period FROM analytics_stale WHERE grain = '{stale.name}'"
        f" AND time > %({start})s - interval '{stale.seconds} seconds' AND time < %({end})s"
        f") AS stale JOIN {family.table(stale.finer)} ON time >= period"
        f" AND time < period + interval '{stale.seconds} seconds'"
    )


def _fresh(grain: Grain) -> str:
    """That the rollup holds everything of this row's period."""
    if grain is WINDOW:
        return ""
    return f" AND time NOT IN (SELECT time FROM analytics_stale AS known WHERE grain = '{grain.name}')"
