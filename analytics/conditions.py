"""How often conditions of policies held, and how often those that observe would have refused."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from analytics import ranges, sources
from analytics.grains import CONDITIONS, COUNTS, MINUTE
from analytics.queries import ask
from analytics.ranges import Range
from apis.automated.models import AutomatedPolicy
from apis.models import PolicyBinding
from apis.traffic import Held, Observed, Ruling
from console.models import Environment

MOST_POLICIES = 20
_OBSERVING = """would_refuse > 0 AND automated_id IS NULL AND api_id IN (
    SELECT observing.api_id FROM apis_policybinding AS observing
    JOIN apis_apiinstance AS api ON api.id = observing.api_id
    WHERE observing.mode = 'observe' AND api.environment_id = %(environment)s
)"""
_AUTOMATED = """would_refuse > 0 AND automated_id IN (
    SELECT id FROM automated_automatedpolicy WHERE environment_id = %(environment)s
)"""
_OF_AUTOMATED = "would_refuse > 0 AND automated_id = ANY(%(automated)s)"


def held(policies: Iterable[PolicyBinding], api: int) -> dict[Ruling, Held]:
    """For how many of the API's requests the conditions of each of these policies of it held: in the last
    day, or since the policy was changed, where that is later. Two statements.
    """
    over = _last_day()
    since = _since(policies, over)
    if not since:
        return {}
    asked = f"SELECT time, sum(requests) FROM {sources.rows(COUNTS, over)} GROUP BY 1"
    requests = ask(asked, [api], over)
    counts = _counts("requests", since, api, over)
    return {
        one: Held(
            counts[one],
            sum(int(count) for time, count in requests if time >= start),
            start if start > over.start else None,
        )
        for one, start in since.items()
    }


def observed(policies: Iterable[Ruling], api: int) -> dict[Ruling, Observed]:
    """How many of the API's requests each of these policies, its own or automated ones, which observe, would
    have refused: in the last day, or since the policy was changed, where that is later. One statement.
    """
    over = _last_day()
    since = _since(policies, over)
    if not since:
        return {}
    counts = _counts("would_refuse", since, api, over)
    return {one: Observed(counts[one], start if start > over.start else None) for one, start in since.items()}


def observed_by_automated(policies: Collection[AutomatedPolicy]) -> dict[AutomatedPolicy, Observed]:
    """The same of automated policies, of all APIs that they cover. Two statements at most: one for those that
    were changed in the last day, which needs finer rows, and one for the others.
    """
    over = _last_day()
    changed = {one.pk: start for one, start in _since(policies, over).items() if start > over.start}
    counts: dict[int, int] = defaultdict(int)
    if unchanged := [one.pk for one in policies if one.pk not in changed]:
        rows = sources.whole(CONDITIONS, over, _OF_AUTOMATED)
        sql = f"SELECT automated_id, sum(would_refuse) FROM {rows} GROUP BY 1"
        counts |= {pk: int(count) for pk, count in ask(sql, [], over, automated=unchanged)}
    if changed:
        lately = replace(over, start=min(changed.values()))
        rows = sources.rows(CONDITIONS, lately, _OF_AUTOMATED)
        sql = f"SELECT automated_id, time, sum(would_refuse) FROM {rows} GROUP BY 1, 2"
        for pk, time, count in ask(sql, [], lately, automated=list(changed)):
            if time >= changed[pk]:
                counts[pk] += int(count)
    return {one: Observed(counts[one.pk], changed.get(one.pk)) for one in policies}


def would_refuse(whose: Iterable[int] | Environment, over: Range) -> list[tuple[str, int]]:
    """(policy, how many requests it would have refused), the most first, of the APIs' own policies and of
    automated ones: of an environment, of the own ones of APIs where one observes today. One statement.
    """
    mine = (_OBSERVING, _AUTOMATED) if isinstance(whose, Environment) else (sources.OF_APIS,)
    rows = " UNION ALL ".join(f"SELECT * FROM {sources.whole(CONDITIONS, over, one)}" for one in mine)
    sql = f"""
        SELECT coalesce(own.policy, automated.policy) AS policy, sum(would_refuse) FROM ({rows}) AS rows
        LEFT JOIN apis_policybinding AS own ON own.id = binding_id
        LEFT JOIN automated_automatedpolicy AS automated ON automated.id = automated_id
        WHERE would_refuse > 0 AND coalesce(own.id, automated.id) IS NOT NULL
        GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_POLICIES}
    """
    return [(policy, int(count)) for policy, count in ask(sql, whose, over)]


def _last_day() -> Range:
    return replace(ranges.last(timedelta(days=1)), grain=MINUTE)


def _since(policies: Iterable[Ruling], over: Range) -> dict[Ruling, datetime]:
    """From when on each policy's requests are counted."""
    return {one: max(MINUTE.floor(one.updated_at), over.start) for one in policies}


def _counts(column: str, since: Mapping[Ruling, datetime], api: int, over: Range) -> Mapping[Ruling, int]:
    """The sum of the column of each policy."""
    own = {one.pk: one for one in since if isinstance(one, PolicyBinding)}
    automated = {one.pk: one for one in since if isinstance(one, AutomatedPolicy)}
    sql = f"""SELECT binding_id, automated_id, time, sum({column}) FROM {sources.rows(CONDITIONS, over)}
        GROUP BY 1, 2, 3"""
    counts: dict[Ruling, int] = defaultdict(int)
    for binding, held_pk, time, count in ask(sql, [api], over):
        one = own.get(binding) or automated.get(held_pk)
        if one is not None and time >= since[one]:
            counts[one] += int(count)
    return counts
