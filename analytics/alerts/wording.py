"""What an alert says: its condition in words, and its subject and message with their variables filled in."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from analytics.alerts.kinds import KINDS, kind_of
from analytics.alerts.models import Alert
from gateways.protocol.faults import did_you_mean
from policies import catalog

SUBJECT = "${severity}: ${condition} of ${api} ${operator} ${threshold} (${alertState})"
PLAIN_SUBJECT = "${severity}: ${condition} of ${api} (${alertState})"
MESSAGE = (
    "${condition} of ${api}: ${value}.\n"
    "The alert holds when it is ${operator} ${threshold} in ${period}.\n\n"
    "Environment: ${organization} / ${environment}\n${apiLink}\n${dashboardLink}"
)
PLAIN_MESSAGE = "${condition}: ${api}, ${value}.\n\nEnvironment: ${organization} / ${environment}\n${apiLink}"
VARIABLES = {
    "severity": "Info, Warning or Critical",
    "operator": "such as above",
    "comparison": "the same as a sign, such as >",
    "threshold": "with its unit",
    "period": "the window, and for how many in a row",
    "value": "what was seen, with its unit",
    "condition": "what is watched, such as Error rate",
    "organization": "",
    "environment": "",
    "api": "the API, or the gateway or certificate",
    "policy": "the policies of a violation",
    "apiLink": "the API's page, or the gateway's",
    "dashboardLink": "its analytics",
    "alertState": "Alerting or OK",
    "alert": "the alert's name",
    "timestamp": "when it was seen, UTC",
}
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_SIGNS = {"above": ">", "at-least": "≥", "equal": "=", "at-most": "≤", "below": "<"}
_STATES: dict[str, str] = {Alert.Type.DEPLOYMENT: "refused", Alert.Type.UPSTREAM: "no host is well"}
"""What is said of an API of which it holds; there is no amount of it."""
_NAMED = 5
"""So many APIs are named; the others are counted."""


def unknown(text: str) -> list[str]:
    """What is wrong with the variables of a subject or a message, one sentence each."""
    return [
        f"${{{name}}} is no variable{did_you_mean(name, list(VARIABLES)) or '.'}"
        for name in dict.fromkeys(_VARIABLE.findall(text))
        if name not in VARIABLES
    ]


def filled(text: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


def usual(type_: str) -> tuple[str, str]:
    """The subject and message of an alert of this type that says no others."""
    is_plain = not KINDS[type_].is_compared
    return (PLAIN_SUBJECT, PLAIN_MESSAGE) if is_plain else (SUBJECT, MESSAGE)


def values(
    alert: Alert, names: Sequence[str], value: float | None, at: datetime, *, is_raised: bool
) -> dict[str, str]:
    """The variables' values, for what was raised or resolved of these APIs, gateways or certificates."""
    place = alert.environment
    return {
        "severity": Alert.Severity(alert.severity).label,
        "operator": operator(alert),
        "comparison": _SIGNS[alert.operator],
        "threshold": amount(alert, alert.threshold),
        "period": period(alert),
        "value": amount(alert, value),
        "condition": title(alert),
        "organization": str(place.organization),
        "environment": str(place),
        "api": listed(names),
        "policy": ", ".join(map(policy_title, alert.policies)) or "any policy",
        "apiLink": _absolute(_page(alert)),
        "dashboardLink": _absolute(_dashboard(alert)),
        "alertState": "Alerting" if is_raised else "OK",
        "alert": alert.name,
        "timestamp": f"{at:%Y-%m-%d %H:%M} UTC",
    }


def title(alert: Alert) -> str:
    """What is watched: Response codes 500, 503."""
    match alert.type:
        case Alert.Type.CODES:
            return f"Answers with {listed([str(code) for code in alert.codes], 'or')}"
        case Alert.Type.PERCENTILE:
            return f"Latency p{alert.percentile}"
        case Alert.Type.SLOW:
            return f"Requests slower than {alert.slower_ms:,} ms"
        case Alert.Type.VIOLATIONS:
            named = listed([policy_title(one) for one in alert.policies], "or")
            return f"Violations of {named}" if named else "Policy violations"
        case Alert.Type.CERTIFICATE:
            return f"Certificate ends within {number(alert.threshold)} days"
    return kind_of(alert).title


def sentence(alert: Alert) -> str:
    """Error rate above 5 % in 5 minutes, each API by itself."""
    kind = kind_of(alert)
    said = title(alert)
    if kind.is_compared:
        said += f" {operator(alert)} {amount(alert, alert.threshold)}"
    if kind.has_window:
        said += f" in {period(alert)}" if kind.is_traffic else f" for {period(alert)}"
    return said


def about(alert: Alert, name: str = "") -> str:
    """Whom it is about. `name` is the API's or gateway's where the caller knows it."""
    match alert.about:
        case Alert.About.API:
            return name or str(alert.api)
        case Alert.About.TAG:
            return f"APIs tagged {alert.tag}"
        case Alert.About.GATEWAY:
            return f"gateway {name or alert.gateway}"
    return "the whole environment"


def operator(alert: Alert) -> str:
    return str(Alert.Operator(alert.operator).label)


def period(alert: Alert) -> str:
    window = minutes(alert.window_minutes)
    return window if alert.periods == 1 else f"{window}, {alert.periods:,} times in a row"


def minutes(count: int) -> str:
    for unit, size in (("day", 1440), ("hour", 60)):
        if count >= size and count % size == 0:
            return _many(count // size, unit)
    return _many(count, "minute")


def amount(alert: Alert, value: float | None) -> str:
    """With its unit."""
    if alert.type in _STATES:
        return _STATES[alert.type]
    if value is None:
        return "no requests"
    unit = kind_of(alert).unit or "requests"
    return f"{number(value)} {unit[:-1] if value == 1 and unit.endswith('s') and unit != 'ms' else unit}"


def number(value: float) -> str:
    """Without a fraction that says nothing."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.3g}"


def listed(names: Sequence[str], word: str = "and") -> str:
    """a, b and c; of many, the first and how many more."""
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} {word} {len(names) - _NAMED:,} more"
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def policy_title(name: str) -> str:
    try:
        return catalog.find(name).title
    except catalog.UnknownPolicy:
        return name


def _many(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _page(alert: Alert) -> str:
    if alert.api_id:
        return reverse("api", args=[alert.api_id])
    return reverse("gateway", args=[alert.gateway_id]) if alert.gateway_id else alert.get_absolute_url()


def _dashboard(alert: Alert) -> str:
    return reverse("api_analytics", args=[alert.api_id]) if alert.api_id else reverse("analytics")


def _absolute(path: str) -> str:
    return f"{settings.CONSOLE_URL}{path}"
