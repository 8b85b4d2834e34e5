"""Looks at many alerts at once: a statement for each kind of figure and fact, not for each alert."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from analytics.alerts import facts, judging, measures
from analytics.alerts.covered import Apis, Covered
from analytics.alerts.facts import Fact
from analytics.alerts.judging import Breach, Look, Measured
from analytics.alerts.measures import Seen
from analytics.alerts.models import Alert

Type = Alert.Type
COUNTED = (Type.REQUESTS, Type.ERRORS, Type.SILENT)
TIMED = (Type.TIME, Type.PERCENTILE, Type.SLOW)
LABELLED = (Type.CODES, Type.VIOLATIONS)
_TIERS = ((0, 5), (5, 15), (15, 60), (60, 10**6))
"""Minutes."""
Looks = dict[int, Look]
"""By the alert's id."""


def looks(alerts: Sequence[Alert], at: datetime, covered: Covered | None = None) -> Looks:
    """Of the windows that end at `at`, a full minute."""
    covered = covered or Covered(alerts)
    by_type: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        by_type[alert.type].append(alert)
    return {
        **_traffic(alerts, at, covered),
        **_away(by_type[Type.AWAY], at),
        **_ending(by_type[Type.CERTIFICATE], at, covered),
        **_holding(by_type[Type.DEPLOYMENT], covered, facts.refused),
        **_holding(by_type[Type.UPSTREAM], covered, facts.unhealthy),
    }


def _traffic(alerts: Sequence[Alert], at: datetime, covered: Covered) -> Looks:
    found: list[tuple[Alert, Apis, Mapping[int, measures.Parts]]] = []
    for types, ask in ((COUNTED, _counts), (TIMED, _latencies), (LABELLED, _labelled)):
        for some, apis in _alike([alert for alert in alerts if alert.type in types], covered):
            seen_by = ask(sorted(apis), some, at)
            found += [(alert, covered.of(alert), seen_by[alert.type][alert.window_minutes]) for alert in some]
    called = _called(found, at)
    values = judging.Values()
    return {
        alert.pk: judging.judge(alert, apis, Measured(seen, called, values)) for alert, apis, seen in found
    }


def _counts(apis: list[int], alerts: Sequence[Alert], at: datetime) -> Mapping[str, Seen]:
    seen = measures.counts(apis, _windows(alerts), at)
    return dict.fromkeys(COUNTED, seen)


def _latencies(apis: list[int], alerts: Sequence[Alert], at: datetime) -> Mapping[str, Seen]:
    seen = measures.latencies(apis, _windows(alerts), at)
    return dict.fromkeys(TIMED, seen)


def _labelled(apis: list[int], alerts: Sequence[Alert], at: datetime) -> Mapping[str, Seen]:
    """By one statement: their rows are the widest that there are, and to read them is what takes long."""
    codes = sorted({code for alert in alerts if alert.type == Type.CODES for code in alert.codes})
    statuses, policies = measures.labelled(apis, _windows(alerts), at, codes)
    return {Type.CODES: statuses, Type.VIOLATIONS: policies}


def _alike(alerts: Sequence[Alert], covered: Covered) -> list[tuple[list[Alert], set[int]]]:
    """In groups of windows about as long, with their APIs: no hour of all APIs is read for five minutes of
    theirs. Where the hour of the same APIs is read anyway, shorter windows are seen in it.
    """
    groups: list[tuple[list[Alert], set[int]]] = []
    for low, high in reversed(_TIERS):
        some = [alert for alert in alerts if low < alert.window_minutes <= high]
        apis = {pk for of in {id(of): of for of in map(covered.of, some)}.values() for pk in of}
        longer = next((group for group in groups if _is_within_an_hour(group) and apis <= group[1]), None)
        if longer and high <= measures.SHORT:
            longer[0].extend(some)
        elif some:
            groups.append((some, apis))
    return groups


def _is_within_an_hour(group: tuple[list[Alert], set[int]]) -> bool:
    return all(alert.window_minutes <= measures.SHORT for alert in group[0])


def _called(found: Iterable[tuple[Alert, Apis, Mapping[int, measures.Parts]]], at: datetime) -> set[int]:
    """Who was called lately, of those for whom it matters."""
    asked: set[int] = set()
    for alert, apis, seen in found:
        if judging.needs_called(alert):
            asked.update(pk for pk in apis if pk not in seen)
    return measures.ever(sorted(asked), at)


def _away(alerts: Sequence[Alert], at: datetime) -> Looks:
    found = facts.away({one.environment_id for one in alerts}, at) if alerts else []

    def is_about(alert: Alert, fact: Fact) -> bool:
        return fact.value >= alert.window_minutes and alert.gateway_id in (None, fact.gateway)

    return _of_facts(alerts, found, is_about)


def _ending(alerts: Sequence[Alert], at: datetime, covered: Covered) -> Looks:
    most = max((one.threshold for one in alerts), default=0)
    found = facts.ending({one.environment_id for one in alerts}, at, most) if alerts else []

    def is_about(alert: Alert, fact: Fact) -> bool:
        is_there = alert.about == Alert.About.ENVIRONMENT or any(pk in covered.of(alert) for pk in fact.apis)
        return is_there and fact.value <= alert.threshold

    return _of_facts(alerts, found, is_about)


def _holding(alerts: Sequence[Alert], covered: Covered, ask: Callable[[Iterable[UUID]], set[int]]) -> Looks:
    """Of what holds of an API or does not."""
    found = ask({one.environment_id for one in alerts}) if alerts else set()
    return {
        alert.pk: Look(tuple(Breach(apis[pk].key, apis[pk].name, None) for pk in sorted(found) if pk in apis))
        for alert in alerts
        for apis in [covered.of(alert)]
    }


def _of_facts(
    alerts: Sequence[Alert], found: Sequence[Fact], is_about: Callable[[Alert, Fact], bool]
) -> Looks:
    here: dict[object, list[Fact]] = defaultdict(list)
    for fact in found:
        here[fact.environment].append(fact)
    return {
        alert.pk: Look(
            tuple(
                Breach(fact.key, fact.name, fact.value)
                for fact in here[alert.environment_id]
                if is_about(alert, fact)
            )
        )
        for alert in alerts
    }


def _windows(alerts: Iterable[Alert]) -> set[int]:
    return {alert.window_minutes for alert in alerts}
