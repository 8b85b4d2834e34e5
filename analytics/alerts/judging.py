"""Whether the conditions of alerts hold, for what was measured: no database, no clock."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import eq, ge, gt, le, lt
from typing import Any, NamedTuple

from analytics.alerts.covered import AlertedApi, Apis
from analytics.alerts.kinds import kind_of
from analytics.alerts.measures import ERRORS, REQUESTS, Parts
from analytics.alerts.models import Alert
from gateways.protocol.histogram import bucket, middle, percentile

TOGETHER = "together"
_HOLDS = {"above": gt, "at-least": ge, "equal": eq, "at-most": le, "below": lt}


class Breach(NamedTuple):
    """For whom a condition holds, and with which value."""

    key: str
    name: str
    value: float | None


@dataclass(frozen=True)
class Look:
    """What a look at one alert found. `is_known`: whether there ever was traffic to judge by."""

    breaches: tuple[Breach, ...] = ()
    is_known: bool = True


class Values:
    """The values of what a round has seen, found once for all alerts that ask the same of it. What was seen
    is known by its identity: it must be kept for as long.
    """

    def __init__(self) -> None:
        self._one: dict[tuple[object, ...], dict[int, float | None]] = {}
        self._each: dict[tuple[object, ...], list[tuple[AlertedApi, float]]] = {}
        self._whole: dict[tuple[int, int], Parts] = {}

    def each(self, alert: Alert, seen: Mapping[int, Parts], apis: Apis) -> list[tuple[AlertedApi, float]]:
        """Of each API that was seen and that it is about, where it has one; in the order of the APIs."""
        asks = alert.type, alert.percentile, alert.slower_ms, *alert.codes, "of", *alert.policies
        key = id(seen), id(apis), *asks
        if key not in self._each:
            known = self._one.setdefault((id(seen), *asks), {})
            for pk in _both(apis, seen):
                if pk not in known:
                    known[pk] = value_of(alert, seen[pk])
            found = ((apis[pk], known[pk]) for pk in _both(apis, seen))
            self._each[key] = [(api, value) for api, value in found if value is not None]
        return self._each[key]

    def whole(self, seen: Mapping[int, Parts], apis: Apis) -> Parts:
        """What was seen of these APIs, added up."""
        key = id(seen), id(apis)
        if key not in self._whole:
            self._whole[key] = added(seen[pk] for pk in _both(apis, seen))
        return self._whole[key]


@dataclass
class Measured:
    """What was counted in an alert's window, by API, and which of the others were called lately."""

    seen: Mapping[int, Parts]
    called: frozenset[int] | set[int] = field(default_factory=frozenset)
    values: Values = field(default_factory=Values)


def judge(alert: Alert, apis: Apis, found: Measured) -> Look:
    """Of an alert on traffic."""
    if alert.is_together:
        mine = found.values.whole(found.seen, apis)
        is_known = bool(mine) or not found.called.isdisjoint(apis)
        value = value_of(alert, mine) if is_known else None
        held = (Breach(TOGETHER, _all(alert), value),) if holds(alert, value) else ()
        return Look(held, is_known)
    is_known = alert.state != Alert.State.PENDING or bool(
        any(api in apis for api in found.seen) or not found.called.isdisjoint(apis)
    )
    return Look(_each(alert, apis, found), is_known)


def needs_called(alert: Alert) -> bool:
    """Whether it matters who was called at all: the condition may hold for those without a request."""
    return alert.state == Alert.State.PENDING or holds(alert, kind_of(alert).at_rest)


def value_of(alert: Alert, parts: Parts) -> float | None:
    """None where nothing was counted that has a value."""
    match alert.type:
        case Alert.Type.ERRORS:
            requests = parts.get(REQUESTS, 0)
            return round(100 * parts.get(ERRORS, 0) / requests, 3) if requests else None
        case Alert.Type.TIME:
            count = sum(parts.values())
            return round(sum(middle(at) * n for at, n in parts.items()) / count / 1000, 3) if count else None
        case Alert.Type.PERCENTILE:
            found = percentile(parts, alert.percentile / 100)
            return None if found is None else round(found / 1000, 3)
    return float(_count(alert, parts))


def holds(alert: Alert, value: float | None) -> bool:
    return value is not None and _condition(alert)(value)


def _condition(alert: Alert) -> Callable[[float], bool]:
    compared: Callable[[Any, Any], bool] = _HOLDS[alert.operator]
    threshold = alert.threshold
    if alert.type == Alert.Type.SILENT:
        compared, threshold = eq, 0
    return lambda value: compared(value, threshold)


def _count(alert: Alert, parts: Parts) -> int:
    match alert.type:
        case Alert.Type.CODES:
            return sum(parts.get(code, 0) for code in alert.codes)
        case Alert.Type.VIOLATIONS:
            return sum(parts.get(name, 0) for name in alert.policies or parts)
        case Alert.Type.SLOW:
            slow = bucket(alert.slower_ms * 1000)
            return sum(count for index, count in parts.items() if index > slow)
    return parts.get(REQUESTS, 0)


def added(parts: Iterable[Parts]) -> Parts:
    whole: Counter[object] = Counter()
    for one in parts:
        whole.update(one)
    return whole


def _each(alert: Alert, apis: Apis, found: Measured) -> tuple[Breach, ...]:
    holds_for, at_rest = _condition(alert), kind_of(alert).at_rest
    breaches = [
        Breach(api.key, api.name, value)
        for api, value in found.values.each(alert, found.seen, apis)
        if holds_for(value)
    ]
    if holds(alert, at_rest):
        # One that was taken off is not silent: somebody wanted it so.
        quiet = (apis[pk] for pk in apis if pk in found.called and pk not in found.seen)
        breaches += [Breach(one.key, one.name, at_rest) for one in quiet if one.is_deployed]
    return tuple(breaches)


def _both(apis: Apis, seen: Mapping[int, Parts]) -> list[int]:
    """In the order of the APIs, whatever that of what was seen: the first of too many are always the same."""
    return [pk for pk in apis if pk in seen]


def _all(alert: Alert) -> str:
    match alert.about:
        case Alert.About.TAG:
            return f"APIs tagged {alert.tag}"
        case Alert.About.GATEWAY:
            return "All APIs of the gateway"
    return "All APIs"
