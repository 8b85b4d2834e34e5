"""How often conditions of policies held, and how often those that observe would have refused."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from analytics import ranges, sources
from analytics.grains import CONDITIONS, COUNTS, MINUTE
from analytics.queries import ask
from analytics.ranges import Range
from apis.models import PolicyBinding
from apis.traffic import Held, Observed
from console.models import Environment

MOST_POLICIES = 20
_OBSERVING = """api_id IN (
    SELECT observing.api_id FROM apis_policybinding AS observing
    JOIN apis_apiinstance AS api ON api.id = observing.api_id
    WHERE observing.mode = 'observe' AND api.environment_id = %(environment)s
)"""


def held(bindings: Iterable[PolicyBinding], api: int) -> dict[int, Held]:
    """For how many of the API's requests the conditions of each of these policies of it held: in the last
    day, or since the policy was changed, where that is later. Two statements.
    """
    over = _last_day()
    since = _since(bindings, over)
    if not since:
        return {}
    asked = f"SELECT time, sum(requests) FROM {sources.rows(COUNTS, over)} GROUP BY 1"
    requests = ask(asked, [api], over)
    counts = _counts("requests", since, api, over)
    return {
        pk: Held(
            counts[pk],
            sum(int(count) for time, count in requests if time >= start),
            start if start > over.start else None,
        )
        for pk, start in since.items()
    }


def observed(bindings: Iterable[PolicyBinding], api: int) -> dict[int, Observed]:
    """How many of the API's requests each of these policies of it, which observe, would have refused: in
    the last day, or since the policy was changed, where that is later. One statement.
    """
    over = _last_day()
    since = _since(bindings, over)
    if not since:
        return {}
    counts = _counts("would_refuse", since, api, over)
    return {pk: Observed(counts[pk], start if start > over.start else None) for pk, start in since.items()}


def would_refuse(whose: Iterable[int] | Environment, over: Range) -> list[tuple[str, int]]:
    """(policy, how many requests it would have refused), the most first, of the APIs' own policies: of an
    environment, of those APIs where one observes today. One statement.
    """
    mine = _OBSERVING if isinstance(whose, Environment) else sources.OF_APIS
    sql = f"""
        SELECT policy, sum(would_refuse) FROM {sources.whole(CONDITIONS, over, mine)}
        JOIN apis_policybinding AS binding ON binding.id = binding_id
        WHERE would_refuse > 0 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_POLICIES}
    """
    return [(policy, int(count)) for policy, count in ask(sql, whose, over)]


def _last_day() -> Range:
    return replace(ranges.last(timedelta(days=1)), grain=MINUTE)


def _since(bindings: Iterable[PolicyBinding], over: Range) -> dict[int, datetime]:
    """From when on each policy's requests are counted."""
    return {one.pk: max(MINUTE.floor(one.updated_at), over.start) for one in bindings}


def _counts(column: str, since: Mapping[int, datetime], api: int, over: Range) -> Mapping[int, int]:
    """The sum of the column of each policy."""
    sql = f"SELECT binding_id, time, sum({column}) FROM {sources.rows(CONDITIONS, over)} GROUP BY 1, 2"
    counts: dict[int, int] = defaultdict(int)
    for binding, time, count in ask(sql, [api], over):
        if binding in since and time >= since[binding]:
            counts[binding] += int(count)
    return counts
