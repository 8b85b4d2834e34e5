"""Template tags and filters that every page shares; /styleguide/ shows each."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from html import escape
from typing import Any

from django import template
from django.forms import BoundField
from django.http import HttpRequest
from django.template import Context
from django.template.base import Parser, Token
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as url_of_django
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timesince import timesince

from console import links, nouns
from console import once as sending

SPRITE = "icons/lucide-1.62.0.svg"
NOTICE_ICONS = {
    "ok": "circle-check",
    "warn": "triangle-alert",
    "bad": "circle-alert",
    "": "info",
    "info": "info",
}

FOUR_WEEKS = 28 * 24 * 3600
"""From then on months count, which `timesince` takes its time to tell apart."""
SPANS = ((7 * 24 * 3600, "week"), (24 * 3600, "day"), (3600, "hour"), (60, "minute"))

register = template.Library()
register.filter(nouns.unless_said)


class LinkNode(URLNode):
    """`{% url %}` as Django has it, by `links` where nothing but values that stand in the address decides."""

    def render(self, context: Context) -> str:
        name = self.view_name.resolve(context)
        if self.kwargs or ":" in name:
            return str(super().render(context))
        kept: dict[Any, Any] = context.render_context.dicts[0]
        if (where := kept.get(links)) is None:
            where = kept[links] = links.where()
        try:
            found = links.link(name, [one.resolve(context) for one in self.args], where)
        except NoReverseMatch:
            if self.asvar is None:
                raise
            found = ""
        if self.asvar:
            context[self.asvar] = found
            return ""
        return conditional_escape(found) if context.autoescape else found


@register.tag
def url(parser: Parser, token: Token) -> LinkNode:
    node = url_of_django(parser, token)
    return LinkNode(node.view_name, node.args, node.kwargs, node.asvar)


@register.simple_tag
def options(some: Iterable[tuple[Any, Any]], chosen: str) -> SafeString:
    """Of a select: (value, words) of each. A list may have hundreds, and `{% for %}` takes its time."""
    pairs = [(str(value), str(words)) for value, words in some]
    parts = _escaped([part for pair in pairs for part in pair])
    found = zip(pairs, parts[::2], parts[1::2], strict=True)
    return mark_safe("".join(_option(value, words, pair[0] == chosen) for pair, value, words in found))  # noqa: S308 - escaped


def _option(value: str, words: str, is_chosen: bool) -> str:
    return f'<option value="{value}"{" selected" if is_chosen else ""}>{words}</option>'


def _escaped(texts: list[str]) -> list[str]:
    """Each of them, as one text, since hundreds of calls take their time, where no NUL is in any."""
    parts = escape("\0".join(texts)).split("\0")
    return parts if len(parts) == len(texts) else [escape(one) for one in texts]


@register.simple_tag
def icon(name: str, size: str = "") -> SafeString:
    """`{% icon "server" %}`: one of the sprite's icons. `size` is "", "small" or "large"."""
    return _drawn(name, size)


@lru_cache(maxsize=1000)
def _drawn(name: str, size: str) -> SafeString:
    """A page has a hundred of them."""
    shape = format_html('<use href="{}#{}"></use>', static(SPRITE), name)
    return format_html('<svg class="icon {}" aria-hidden="true" focusable="false">{}</svg>', size, shape)


@register.simple_tag
def once() -> SafeString:
    """Of a form whose answer shows a secret: sent twice, it makes one thing, with one secret."""
    return format_html('<input type="hidden" name="{}" value="{}">', sending.FIELD, sending.new())


@register.simple_tag
def logo() -> SafeString:
    """Gatewright's own mark."""
    return format_html(
        '<svg class="logo" viewBox="0 0 32 32" aria-hidden="true"><use href="{}#mark"></use></svg>',
        static("icons/gatewright.svg"),
    )


@register.simple_tag
def status(words: str, tone: str = "", title: str = "") -> SafeString:
    """`{% status "Connected" tone="ok" %}`. Tones: ok, warn, bad, info, busy, or none."""
    tip = format_html(' title="{}"', title) if title else ""
    return format_html('<span class="pill {}"{}>{}</span>', tone, tip, words)


@register.inclusion_tag("components/_empty.html", takes_context=True)
def empty(
    context: Context,
    title: str,
    text: str = "",
    *,
    icon: str = "inbox",
    href: str = "",
    to: str = "",
    action: str = "",
    viewers: str | None = None,
) -> dict[str, str]:
    """What a page shows instead of nothing: why, and what to do next, which leads to `href`, or to what is
    named `to`. `viewers`: the text for whoever may change nothing here, who is offered nothing either.
    """
    if viewers is not None and not context["scope"].can_edit:
        return {"title": title, "text": viewers, "icon": icon}
    return {
        "title": title,
        "text": text,
        "icon": icon,
        "href": href or (reverse(to) if to else ""),
        "action": action,
    }


@register.inclusion_tag("components/_code.html")
def code(text: str, label: str = "", wrap: bool = False) -> dict[str, Any]:
    """`{% code command label="Linux" %}`: a block of code with a copy button."""
    return {"text": text, "label": label, "wrap": wrap}


@register.inclusion_tag("components/_copy.html")
def copyable(text: str) -> dict[str, str]:
    """A short value in monospace with a copy button beside it."""
    return {"text": text}


@register.inclusion_tag("components/_pager.html", takes_context=True)
def pager(context: Context, page: Any, noun: str = "entries") -> dict[str, Any]:
    """`{% pager page "gateways" %}`: where one is in a `Page`, and the way to its neighbours."""
    return {"page": page, "noun": noun, "request": context.get("request")}


@register.inclusion_tag("components/_sort.html", takes_context=True)
def sort(context: Context, field: str, title: str, css: str = "") -> dict[str, Any]:
    """A `<th>` that sorts by `?sort=field`, and by `?sort=-field` when it already does.

    The list's order, when the view sets it, is the one in force; else the query's.
    """
    request: HttpRequest = context["request"]
    chosen = getattr(context.get("listing"), "sort", "") or request.GET.get("sort", "")
    direction = {field: "ascending", f"-{field}": "descending"}.get(chosen, "")
    return {
        "request": request,
        "title": title,
        "css": css,
        "direction": direction,
        "target": f"-{field}" if chosen == field else field,
    }


@register.simple_block_tag
def notice(
    content: str, tone: str = "info", icon_name: str = "", role: str = "", focus: bool = False
) -> SafeString:
    """`{% notice tone="warn" %}<b>Two changes</b> …{% endnotice %}`. `focus`: reading begins there, unless a
    field is to be mended.
    """
    return format_html(
        '<div class="notice {}"{}{}>{}<div>{}</div></div>',
        tone,
        format_html(' role="{}"', role) if role else "",
        mark_safe(' tabindex="-1" data-focus') if focus else "",
        icon(icon_name or NOTICE_ICONS.get(tone, "info")),
        mark_safe(content),  # noqa: S308 — the block's own, already escaped, output
    )


@register.simple_block_tag
def menu(
    content: str, name: str, label: str = "", icon_name: str = "ellipsis", css: str = "only-icon"
) -> SafeString:
    """A button that opens a menu of links and buttons; works without JavaScript.

    `name` becomes its id: unique on the page. An icon-only button needs `label` as its name.
    """
    words = format_html('<span class="hidden-text">{}</span>' if "only-icon" in css else "{}", label)
    return format_html(
        '<button type="button" class="btn {}" popovertarget="{}" aria-haspopup="true">{}{}</button>'
        '<div class="menu" id="{}" popover>{}</div>',
        css,
        name,
        icon(icon_name),
        words,
        name,
        mark_safe(content),  # noqa: S308 — the block's own, already escaped, output
    )


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """A `<time>` such as "3 minutes ago" with the exact time in its tooltip; "never" for None."""
    if moment is None:
        return "never"
    seconds = (timezone.now() - moment).total_seconds()
    words = "just now" if abs(seconds) < 10 else _words(moment, seconds)
    exact = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    return mark_safe(f'<time datetime="{moment.isoformat()}" title="{exact}">{words}</time>')  # noqa: S308 - ours


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """A `<time>` with the exact date and time, which are UTC as everything in the console."""
    if value is None:
        return "–"
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), f"{value:%Y-%m-%d %H:%M:%S} UTC")


@register.filter
def compact(number: float | None) -> str:
    """1284930 → 1.28M; None → –."""
    if number is None:
        return "–"
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(number) >= limit:
            scaled = number / (1e3 if unit == "k" else limit)
            return f"{scaled:.3g}{unit}"
    return f"{number:,.0f}"


@register.filter
def at(mapping: Mapping[Any, Any] | None, key: Any) -> Any:
    """`{{ errors|at:"asset.name" }}`: for keys that hold dots, or are in a variable; "" for none."""
    return (mapping or {}).get(key, "")


@register.filter
def initials(name: str) -> str:
    """AL for "Ada Lovelace", AD for "admin"."""
    parts = str(name).replace(".", " ").replace("@", " ").split()
    return (parts[0][0] + parts[1][0] if len(parts) > 1 else str(name)[:2]).upper()


@register.filter
def shown(value: Any) -> str:
    """A value of an audit diff as a person reads it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping | list):
        return json.dumps(value, indent=2, ensure_ascii=False) if value else "–"
    return str(value)


@register.filter
def tone(level_tag: str) -> str:
    """The tone of a Django message's level."""
    return {"success": "ok", "warning": "warn", "error": "bad"}.get(level_tag, "info")


@register.filter
def widget_kind(field: BoundField) -> str:
    """Lets the field template choose its shape: checkbox, radio, checkboxes, hidden or input."""
    kind = type(field.field.widget).__name__
    return {"CheckboxInput": "checkbox", "RadioSelect": "radio", "CheckboxSelectMultiple": "checkboxes"}.get(
        kind, "hidden" if field.is_hidden else "input"
    )


def _counted(number: int, unit: str) -> str:
    """As Django writes it: what belongs together is on one line."""
    return f"{number}\xa0{unit}{'' if number == 1 else 's'}"


def _words(moment: datetime, seconds: float) -> str:
    if abs(seconds) < 60:
        span = f"{abs(seconds):.0f} seconds"
    elif abs(seconds) < FOUR_WEEKS:
        span = next(_counted(int(abs(seconds) // size), unit) for size, unit in SPANS if abs(seconds) >= size)
    else:
        span = timesince(moment, depth=1) if seconds > 0 else timesince(timezone.now(), moment, depth=1)
    return f"{span} ago" if seconds > 0 else f"in {span}"
