"""How figures look."""

from collections.abc import Iterable

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from analytics.bars import Bars
from analytics.dashboards import Numbers
from console.templatetags.ui import compact

NUMBERS = '<tr><td class="num nowrap">{}</td>' + 10 * '<td class="r">{}</td>' + "</tr>"

BAR = '<rect class="{}" fill="currentColor" x="{}.1" y="{}" width="0.8" height="{}"><title>{}</title></rect>'

register = template.Library()


@register.filter
def ms(milliseconds: float | None) -> str:
    """0.42 ms, 38.2 ms, 1.25 s; None is a dash."""
    if milliseconds is None:
        return "–"
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.3g} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 100 else f"{milliseconds:.3g} ms"


@register.filter
def us(microseconds: int | None) -> str:
    """Microseconds as `ms` shows them."""
    return ms(None if microseconds is None else microseconds / 1000)


@register.filter
def bar(percent: float) -> SafeString:
    """A thin bar that is filled so far; the number stands beside it."""
    return format_html(
        '<svg class="share" aria-hidden="true"><rect width="{}%" height="100%"/></svg>', f"{percent:.1f}"
    )


@register.simple_tag
def bar_shapes(chart: Bars) -> SafeString:
    """The bars of a small chart: up to 180 shapes of numbers, too many for a loop in a template.

    Numbers, times and our own names of colours alone, in which there is nothing to escape.
    """
    return mark_safe("".join(BAR.format(one.css, one.x, one.y, one.height, one.title) for one in chart.bars))  # noqa: S308


@register.filter
def status_tone(status: int | str) -> str:
    """The tone of a status code."""
    return {"2": "ok", "3": "info", "4": "warn", "5": "bad"}.get(str(status)[:1], "")


@register.simple_tag
def number_rows(numbers: Iterable[Numbers]) -> SafeString:
    """The charts' numbers as lines of a table: thirteen hundred cells, too many for a loop in a template.

    Numbers and times alone, in which there is nothing to escape.
    """
    return mark_safe("\n".join(NUMBERS.format(*_cells(one)) for one in numbers))  # noqa: S308


def _cells(one: Numbers) -> tuple[str | int, ...]:
    classes = one.figures.classes
    return (
        f"{one.time.day} {one.time:%b %H:%M:%S}",
        compact(one.figures.requests),
        classes["2xx"],
        classes["3xx"],
        classes["4xx"],
        one.figures.server_errors,
        one.figures.violations,
        ms(one.p50_ms),
        ms(one.p95_ms),
        ms(one.p99_ms),
        ms(one.upstream_p95_ms),
    )
