"""The stretch of time that a page or an answer is about, in steps that suit its length."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from analytics.grains import DAY, GRAINS, WINDOW, Grain

PRESETS = {"15m": 900, "1h": 3600, "6h": 21600, "24h": 86400, "7d": 604800, "30d": 2592000}
DEFAULT = "1h"
STEPS = (10, 60, 300, 900, 3600, 21600, 86400)
MOST_STEPS = 120
FEW_STEPS = 60
SHORTEST = timedelta(seconds=60)


@dataclass(frozen=True)
class Range:
    """From `start` to before `end`, both on a step. `preset` is the one that it is, or was zoomed from."""

    start: datetime
    end: datetime
    step: int
    grain: Grain
    preset: str = ""
    is_custom: bool = False

    @property
    def seconds(self) -> int:
        return int((self.end - self.start).total_seconds())

    @property
    def before(self) -> "Range":
        """The stretch of the same length that ends where this one starts."""
        return replace(self, start=self.start - (self.end - self.start), end=self.start)

    @property
    def inside(self) -> "Range | None":
        """The periods of the next coarser grain that lie in it, if there are any and they are kept."""
        coarser = next((one for one in GRAINS if one.finer is self.grain), None)
        if coarser is None or not _is_kept(coarser, self.start):
            return None
        start = coarser.floor(self.start + coarser.length - self.grain.length)
        end = coarser.floor(self.end)
        return replace(self, start=start, end=end, grain=coarser) if start < end else None

    @property
    def times(self) -> list[datetime]:
        """The start of every step."""
        return [self.start + timedelta(seconds=at) for at in range(0, self.seconds, self.step)]

    @property
    def words(self) -> str:
        """Like 26 Nov 09:00 – 10:00: with the second day if it is another, and years if not this one."""
        is_this_year = self.start.year == self.end.year == timezone.now().year
        day = "%-d %b" if is_this_year else "%-d %b %Y"
        end = "%H:%M" if self.start.date() == self.end.date() else f"{day} %H:%M"
        return f"{self.start:{day} %H:%M} – {self.end:{end}}"

    @property
    def query(self) -> str:
        """As a page's address holds it."""
        if not self.is_custom:
            return urlencode({"range": self.preset})
        ends = {"from": int(self.start.timestamp()), "to": int(self.end.timestamp())}
        return urlencode({"range": self.preset, **ends})


def of_request(query: Mapping[str, str], most_steps: int = MOST_STEPS) -> Range:
    """?range=1h, or ?from=…&to=… (epoch seconds or ISO times); what cannot be read is the last hour."""
    now = timezone.now()
    preset = query.get("range", DEFAULT)
    preset = preset if preset in PRESETS else DEFAULT
    start, end = _time(query.get("from", "")), _time(query.get("to", ""))
    if start and end and not fault(query):
        kept_since = now - timedelta(days=settings.ANALYTICS_KEEP_DAYS["day"])
        end = min(max(end, kept_since), now + timedelta(days=1))
        return between(max(start, kept_since), end, preset, is_custom=True, most_steps=most_steps)
    return last(timedelta(seconds=PRESETS[preset]), preset, most_steps)


def fault(query: Mapping[str, str]) -> str:
    """Why ?from=…&to=… is not what is shown; "" when it is, or when the query has none."""
    if not (query.get("from") or query.get("to")):
        return ""
    start, end = _time(query.get("from", "")), _time(query.get("to", ""))
    if start is None or end is None:
        return "The range that was asked for is not two times."
    if start >= end:
        return "The range that was asked for ends before it starts."
    if start >= timezone.now():
        return "The range that was asked for has not begun."
    return ""


def last(length: timedelta, preset: str = "", most_steps: int = MOST_STEPS) -> Range:
    """The stretch of this length that ends with the step that holds now."""
    step = _step(length, most_steps)
    end = _floor(timezone.now(), step) + timedelta(seconds=step)
    return between(end - length, end, preset, most_steps=most_steps)


def recent(seconds: int) -> Range:
    """The windows of the last so many seconds: what is true now, and no chart's steps."""
    end = _floor(timezone.now(), WINDOW.seconds) + WINDOW.length
    return Range(end - timedelta(seconds=seconds), end, WINDOW.seconds, WINDOW)


def between(
    start: datetime,
    end: datetime,
    preset: str = "",
    *,
    is_custom: bool = False,
    most_steps: int = MOST_STEPS,
) -> Range:
    """At least a minute, widened to whole steps. Old stretches have only coarse steps."""
    end = max(end, start + SHORTEST)
    step = _step(end - start, most_steps)
    grain = _grain(step, start)
    step = max(step, grain.seconds)
    end = _floor(end + timedelta(seconds=step - 1), step)
    return Range(_floor(start, step), end, step, grain, preset, is_custom)


def _step(length: timedelta, most_steps: int) -> int:
    seconds = length.total_seconds()
    return next((step for step in STEPS if seconds / step <= most_steps), DAY.seconds)


def _grain(step: int, start: datetime) -> Grain:
    """The coarsest grain that a step is made of, or the finest one still kept from then."""
    kept = [grain for grain in GRAINS if _is_kept(grain, start)] or [DAY]
    return next((grain for grain in reversed(kept) if grain.seconds <= step), kept[0])


def _is_kept(grain: Grain, start: datetime) -> bool:
    return (timezone.now() - start).days < settings.ANALYTICS_KEEP_DAYS[grain.name]


def _floor(time: datetime, step: int) -> datetime:
    return datetime.fromtimestamp(int(time.timestamp()) // step * step, UTC)


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromtimestamp(int(text), UTC) if text.isdigit() else parse_datetime(text)
    except (ValueError, OverflowError, OSError):
        return None
    if found is None or not 1970 < found.year < 3000:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
