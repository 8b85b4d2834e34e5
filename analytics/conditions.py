"""How often conditions of policies held, and how often those that observe would have refused."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from analytics import ranges, sources
from analytics.grains import CONDITIONS, COUNTS, MINUTE
from analytics.queries import ask
from apis.models import PolicyBinding
from apis.traffic import Held, Observed


def held(bindings: Iterable[PolicyBinding], api: int) -> dict[int, Held]:
    """For how many of the API's requests the conditions of each of these policies of it held: in the last
    day, or since the policy was changed, where that is later. Two statements.
    """
    over = replace(ranges.last(timedelta(days=1)), grain=MINUTE)
    since = {one.pk: max(MINUTE.floor(one.updated_at), over.start) for one in bindings}
    if not since:
        return {}
    asked = f"SELECT time, sum(requests) FROM {sources.rows(COUNTS, over)} GROUP BY 1"
    requests = ask(asked, [api], over)
    met = f"SELECT binding_id, time, sum(requests) FROM {sources.rows(CONDITIONS, over)} GROUP BY 1, 2"
    counts: dict[int, int] = defaultdict(int)
    for binding, time, count in ask(met, [api], over):
        if binding in since and time >= since[binding]:
            counts[binding] += int(count)
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
    over = replace(ranges.last(timedelta(days=1)), grain=MINUTE)
    since = {one.pk: max(MINUTE.floor(one.updated_at), over.start) for one in bindings}
    if not since:
        return {}
    asked = f"SELECT binding_id, time, sum(would_refuse) FROM {sources.rows(CONDITIONS, over)} GROUP BY 1, 2"
    counts: dict[int, int] = defaultdict(int)
    for binding, time, count in ask(asked, [api], over):
        if binding in since and time >= since[binding]:
            counts[binding] += int(count)
    return {pk: Observed(counts[pk], start if start > over.start else None) for pk, start in since.items()}
