"""Which APIs had the most requests, or the largest share of errors, among thousands."""

from analytics import sources
from analytics.queries import ask, last_day_range
from analytics.ranges import Range
from apis.traffic import Measure
from console.models import Environment
from console.statements import Statement, of_named

# Sums of bigint are numeric, which takes a third longer; those of floats are exact up to 2^53.
_SUMMED = ("sum(requests::float8)", "sum(errors::float8)")


def leaders(environment: Environment, over: Range, limit: int) -> tuple[list[int], list[int]]:
    """The APIs with the most requests, and those with the largest share of answers of 400 and above.

    Rows are added up before it is asked whose they are: they are many, and APIs are few.
    """
    sql = f"""
        WITH counted AS (
            SELECT api_id, {_SUMMED[0]} AS requests, {_SUMMED[1]} AS errors
            FROM {sources.of_all(over)} GROUP BY 1
        ), mine AS (
            SELECT counted.* FROM counted JOIN apis_apiinstance AS api ON api.id = api_id
            WHERE environment_id = %(environment)s
        )
        (SELECT true, api_id FROM mine ORDER BY requests DESC, api_id LIMIT %(limit)s)
        UNION ALL
        (SELECT false, api_id FROM mine WHERE errors > 0
            ORDER BY errors / requests DESC, api_id LIMIT %(limit)s)
    """
    found = ask(sql, environment, over, limit=limit)
    return [api for is_busy, api in found if is_busy], [api for is_busy, api in found if not is_busy]


def day_measured(by: Measure) -> Statement:
    """Of (API, its requests, or the percentage of those that failed) of the last 24 hours, of every API that
    had some, whosever it is.
    """
    over = last_day_range()
    requests, errors = _SUMMED
    measure = requests if by == "requests" else f"coalesce(100 * {errors} / nullif({requests}, 0), 0)"
    sql = f"SELECT api_id, {measure} FROM {sources.of_all(over)} GROUP BY 1"
    return of_named(sql, sources.times(over))
