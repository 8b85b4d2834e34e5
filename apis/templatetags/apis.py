"""Template tags with which pages below API Manager show what API Manager knows."""

from collections.abc import Sequence, Sized
from typing import Any
from urllib.parse import urlencode

from django import template
from django.db.models import Count
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apis import history
from apis.deployment.status import ApiStatus
from apis.failing import Failing
from apis.forms import upstream_settings
from apis.history import FieldChange
from apis.models import PolicyBinding
from apis.traffic import Traffic
from console.listing import listing
from console.templatetags import ui
from gateways.protocol.upstream_settings import UpstreamSettings
from policies.policy import Policy

register = template.Library()


@register.simple_tag(takes_context=True)
def policy_use_counts(context: Context) -> dict[str, int]:
    """How many APIs of the environment the user works in have each policy, by its name."""
    found = PolicyBinding.objects.filter(api__environment=context["scope"].environment).order_by()
    counted = found.values_list("policy").annotate(apis=Count("api", distinct=True))
    return dict(counted)


@register.inclusion_tag("apis/_policy_uses.html", takes_context=True)
def policy_uses(context: Context, policy: Policy[Any]) -> dict[str, Any]:
    """The APIs of the environment the user works in to which the policy is applied."""
    environment, request = context["scope"].environment, context["request"]
    found = PolicyBinding.objects.filter(policy=policy.name, api__environment=environment)
    found = found.select_related("api__asset", "api__gateway").order_by("api__asset__name", "order", "pk")
    return {"listing": listing(request, "uses", "use", found), "request": request}


@register.simple_tag
def pill(status: ApiStatus, failing: Failing | None = None, short: bool = False) -> SafeString:
    """Where an API stands, and what fails at its upstreams; `short` where there is little room."""
    if failing:
        words = "Upstream failing" if short else f"{status.state}, upstream failing"
        return ui.status(words, "bad", failing.sentence)
    return ui.status("Applying…" if status.state == "Applying" else status.state, status.tone, status.words)


@register.simple_tag
def and_more(found: Sized, shown: int) -> SafeString | str:
    """How many there are that a row does not show."""
    return (
        format_html('<span class="faint small">+{}</span>', len(found) - shown) if len(found) > shown else ""
    )


SPARK_HEIGHT, SPARK_STEP, SPARK_BAR = 20, 4, 3
_HEIGHTS = [
    f"{SPARK_HEIGHT}v-{height:g}h{SPARK_BAR}v{height:g}z"
    for height in (max(10, tenths) / 10 for tenths in range(10 * SPARK_HEIGHT + 1))
]
"""A bar by its height in tenths."""


@register.simple_tag
def sparkline(figures: Traffic) -> SafeString:
    """Its hours as small bars, what went wrong at their feet."""
    top = max((requests for requests, _ in figures.hours), default=0)
    words = (
        f"Requests each hour: {figures.hours[-1][0] if figures.hours else 0:,} in this one, {top:,} at most"
    )
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<title>{}</title><path class="c1" d="{}"/><path class="c4" d="{}"/></svg>',
        max(1, len(figures.hours)) * SPARK_STEP,
        SPARK_HEIGHT,
        words,
        words,
        _bars([requests for requests, _ in figures.hours], top),
        _bars([errors for _, errors in figures.hours], top),
    )


def _bars(counts: Sequence[int], top: int) -> str:
    """Of a path; whatever is there at all can be seen. A list has a thousand of them."""
    return "".join(
        f"M{at * SPARK_STEP} {_HEIGHTS[min(10 * SPARK_HEIGHT, round(10 * SPARK_HEIGHT * count / top))]}"
        for at, count in enumerate(counts)
        if count
    )


@register.filter
def said(settings: UpstreamSettings) -> list[FieldChange]:
    """What an upstream is told beside its URI, line by line."""
    return list(history.compared("", {}, settings.brief, upstream_settings.SCHEMA))


@register.filter
def as_tried(sent: Any) -> str:
    """What the tester's address says to begin with this request: a Recent, or analytics' Sample."""
    begun = {
        "method": sent.method,
        "target": sent.path,
        "from": sent.remote_address,
        "agent": sent.user_agent,
    }
    return urlencode(begun)
