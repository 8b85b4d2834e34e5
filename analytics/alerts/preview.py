"""What an alert would have made of the last 24 hours: its values as a chart, and how often it was raised."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from analytics import queries, sources
from analytics.alerts import judging, looking, wording
from analytics.alerts.covered import Covered
from analytics.alerts.judging import Breach
from analytics.alerts.kinds import kind_of
from analytics.alerts.measures import ERRORS, REQUESTS, SHORT, Parts
from analytics.alerts.models import Alert
from analytics.alerts.settling import CALM
from analytics.grains import COUNTS, ENVIRONMENTS, HOUR, MINUTE, TRAFFIC, Family, bin_of
from analytics.ranges import Range
from gateways.protocol.failures import CUT

DAY = timedelta(days=1)
LINES = 5
"""Of an alert about each API by itself: those with the most requests."""
ADDED = 20
"""Of one about all together: so many are added up, where no total of theirs is kept."""
POINTS = 288
COLOURS = ("c1", "c3", "c5", "c2", "c4")
WIDTH, HEIGHT = 960.0, 160.0
Type = Alert.Type


@dataclass(frozen=True)
class ChartLine:
    """`points` are SVG polylines, one for each stretch that has values."""

    name: str
    colour: str
    fired: int
    newest: str
    points: tuple[str, ...] = ()


@dataclass(frozen=True)
class AlertPreview:
    """`shown` of `of` APIs are in it. `now` is for whom the condition holds at present, where the alert is of
    no traffic.
    """

    is_traffic: bool
    start: datetime
    end: datetime
    lines: tuple[ChartLine, ...] = ()
    threshold_y: float | None = None
    threshold: str = ""
    highest: str = ""
    fired: int = 0
    shown: int = 0
    of: int = 0
    now: tuple[str, ...] = ()
    now_more: int = 0
    width: float = WIDTH
    height: float = HEIGHT


@dataclass
class _Walk:
    """A window that slides over the bins of one API."""

    alert: Alert
    bins: Mapping[datetime, Parts]
    length: int
    held: int
    whole: Counter[Any] = field(default_factory=Counter)
    values: list[float | None] = field(default_factory=list)
    fired: int = 0
    _since: int | None = None
    _calm: int = 0
    _is_raised: bool = False

    def go(self, times: Sequence[datetime], first: int) -> None:
        """Over all bins; what came before `first` fills the window only."""
        for at, time in enumerate(times):
            self.whole.update(self.bins.get(time, {}))
            if at >= self.length:
                self.whole.subtract(self.bins.get(times[at - self.length], {}))
            if at >= first:
                value = judging.value_of(self.alert, {key: n for key, n in self.whole.items() if n})
                self.values.append(value)
                self._judge(at, judging.holds(self.alert, value))

    def _judge(self, at: int, holds: bool) -> None:
        if not holds:
            self._since, self._calm = None, self._calm + 1
            self._is_raised = self._is_raised and self._calm < CALM
            return
        self._since, self._calm = at if self._since is None else self._since, 0
        if not self._is_raised and at - self._since >= self.held:
            self._is_raised = True
            self.fired += 1


def preview(alert: Alert) -> AlertPreview:
    """`alert` may be one that is not saved."""
    now = MINUTE.floor(timezone.now())
    if not kind_of(alert).is_traffic:
        found = looking.looks([alert], now)[alert.pk].breaches
        return AlertPreview(False, now - DAY, now, now=_told(alert, found), now_more=max(0, len(found) - 10))
    is_short = alert.window_minutes <= SHORT
    grain = MINUTE if is_short else HOUR
    end = grain.floor(now) + (timedelta() if is_short else grain.length)
    before = max(alert.window, grain.length)
    over = Range(end - DAY - before, end, grain.seconds, grain)
    found_lines, shown, of = _bins(alert, over)
    times = over.times
    length, first = int(before / grain.length), int(before / grain.length)
    walks = []
    for name, bins in found_lines:
        walk = _Walk(alert, bins, length, int(alert.held / grain.length))
        walk.go(times, first)
        walks.append((name, walk))
    return _drawn(alert, walks, over, shown, of)


def _bins(alert: Alert, over: Range) -> tuple[list[tuple[str, Mapping[datetime, Parts]]], int, int]:
    """(name, parts by time) of each line; of how many APIs they are, of how many the alert is."""
    apis = Covered([alert]).of(alert)
    if alert.is_together and alert.about == Alert.About.ENVIRONMENT:
        found = _ask(alert, ENVIRONMENTS, over, ())
        return [("All APIs", found[0])] if found else [], len(apis), len(apis)
    busy = queries.last_day(list(apis))
    chosen = sorted(busy, key=lambda pk: -busy[pk][0])[: ADDED if alert.is_together else LINES]
    if not chosen:
        return [], 0, len(apis)
    found = _ask(alert, COUNTS if alert.type in looking.COUNTED else TRAFFIC, over, chosen)
    if alert.is_together:
        return [("Added up", found[0])] if found else [], len(chosen), len(apis)
    return [(apis[pk].name, found.get(pk, {})) for pk in chosen], len(chosen), len(apis)


def _ask(alert: Alert, family: Family, over: Range, apis: Sequence[int]) -> dict[int, dict[datetime, Parts]]:
    """By API, or 0 for all together, and by the start of the bin."""
    is_counted = alert.type in looking.COUNTED
    mine = "environment_id = %(environment)s" if family is ENVIRONMENTS else sources.OF_APIS
    key = "0" if alert.is_together else "api_id"
    source = sources.rows(family, over, mine)
    start = bin_of(over.step)
    if is_counted:
        errors = "errors" if family is COUNTS else _ERRORS
        sql = f"SELECT {key}, {start}, sum(requests), sum({errors}) FROM {source} GROUP BY 1, 2"
    else:
        label, value, join, where = _PARTS[_part(alert)]
        sql = f"""
            SELECT {key}, {start}, {label}, sum({value}) FROM {source} {join}
            WHERE {where} GROUP BY 1, 2, 3
        """
    given: dict[str, Any] = {
        "apis": list(apis),
        "environment": alert.environment_id,
        "codes": list(alert.codes),
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, {**given, **sources.times(over)})
        rows = cursor.fetchall()
    found: dict[int, dict[datetime, dict[Any, int]]] = defaultdict(dict)
    for api, time, label, count in rows:
        if is_counted:
            found[api][time] = {REQUESTS: int(label), ERRORS: int(count)}
        else:
            found[api].setdefault(time, {})[label] = int(count)
    return {api: dict(bins) for api, bins in found.items()}


_ERRORS = f"CASE WHEN status >= 400 OR failure = '{CUT}' THEN requests ELSE 0 END"
_PARTS = {
    "status": ("status", "requests", "", "status = ANY(%(codes)s)"),
    "policy": ("policy", "requests", "", "policy <> ''"),
    "bucket": (
        "bucket.key::int",
        "bucket.value::bigint",
        "CROSS JOIN LATERAL jsonb_each_text(total) AS bucket",
        "true",
    ),
}


def _part(alert: Alert) -> str:
    return {Type.CODES: "status", Type.VIOLATIONS: "policy"}.get(Type(alert.type), "bucket")


def _drawn(
    alert: Alert, walks: Sequence[tuple[str, _Walk]], over: Range, shown: int, of: int
) -> AlertPreview:
    is_compared = kind_of(alert).is_compared
    values = [value for _, walk in walks for value in walk.values if value is not None]
    top = 1.1 * max([*values, alert.threshold if is_compared else 0.0], default=0.0) or 1.0
    lines = tuple(
        ChartLine(
            name,
            COLOURS[place % len(COLOURS)],
            walk.fired,
            wording.amount(alert, walk.values[-1] if walk.values else None),
            tuple(_polylines(_thinned(walk.values, alert), top)),
        )
        for place, (name, walk) in enumerate(walks)
    )
    return AlertPreview(
        True,
        over.end - DAY,
        over.end,
        lines,
        round(HEIGHT - HEIGHT * alert.threshold / top, 1) if is_compared else None,
        wording.amount(alert, alert.threshold) if is_compared else "",
        wording.amount(alert, max(values)) if values else "",
        sum(line.fired for line in lines),
        shown,
        of,
    )


def _thinned(values: Sequence[float | None], alert: Alert) -> list[float | None]:
    """So many points as can be seen: of those that fall together, what is worst."""
    is_low = alert.operator in (Alert.Operator.BELOW, Alert.Operator.AT_MOST)
    pick = min if is_low or alert.type == Type.SILENT else max
    size = max(1, len(values) // POINTS)
    found = []
    for start in range(0, len(values), size):
        some = [value for value in values[start : start + size] if value is not None]
        found.append(pick(some) if some else None)
    return found


def _polylines(values: Sequence[float | None], top: float) -> Iterable[str]:
    """The points of each stretch; a value alone is a short line."""
    last = max(len(values) - 1, 1)
    stretch: list[str] = []
    for at, value in enumerate([*values, None]):
        if value is not None:
            stretch.append(f"{WIDTH * at / last:.1f},{HEIGHT - HEIGHT * value / top:.1f}")
        elif stretch:
            if len(stretch) == 1:
                x, _, y = stretch[0].partition(",")
                stretch.append(f"{abs(float(x) - 8):.1f},{y}")
            yield " ".join(stretch)
            stretch = []


def _told(alert: Alert, found: Sequence[Breach]) -> tuple[str, ...]:
    return tuple(f"{one.name}: {wording.amount(alert, one.value)}" for one in found[:10])
