"""How figures look."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

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


@register.filter
def status_tone(status: int | str) -> str:
    """The tone of a status code."""
    return {"2": "ok", "3": "info", "4": "warn", "5": "bad"}.get(str(status)[:1], "")
