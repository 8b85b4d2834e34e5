"""A small bar chart, drawn by the server: requests in each step by status class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from analytics.figures import Figures
from analytics.ranges import Range

HEIGHT = 120.0
LAYERS = (("c1", ("2xx", "3xx", "1xx", "left")), ("c3", ("4xx",)), ("c4", ("5xx", "cut")))


@dataclass(frozen=True)
class Bar:
    css: str
    x: int
    y: float
    height: float
    title: str


@dataclass(frozen=True)
class Mark:
    """Something that happened: a line across the chart."""

    x: float
    title: str


@dataclass(frozen=True)
class Bars:
    """Rectangles in a box of `width` by `height`, one unit of width a step; `top` is the highest sum."""

    bars: tuple[Bar, ...]
    width: int
    top: int
    start: datetime
    end: datetime
    marks: tuple[Mark, ...] = ()
    height: float = HEIGHT


def bars(over: Range, steps: Sequence[Figures], happened: Mapping[datetime, str] | None = None) -> Bars:
    """`happened` are the marks: what, by when; all of it within the range."""
    top = max((step.requests for step in steps), default=0)
    found: list[Bar] = []
    for x, (time, step) in enumerate(zip(over.times, steps, strict=True)):
        floor = HEIGHT
        for css, classes in LAYERS:
            count = sum(step.classes[name] for name in classes)
            if not count:
                continue
            height = max(1.5, HEIGHT * count / top)
            floor -= height
            found.append(Bar(css, x, round(floor, 2), round(height, 2), f"{time:%H:%M}: {count:,}"))
    marks = [
        Mark(round((time - over.start).total_seconds() / over.step, 2), f"{title}, {time:%H:%M}")
        for time, title in (happened or {}).items()
    ]
    return Bars(tuple(found), len(steps), top, over.start, over.end, tuple(marks))
