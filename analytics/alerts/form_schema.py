"""The fields of an alert's form, as a schema."""

from collections.abc import Mapping
from typing import Any

from analytics.alerts import rules, wording
from analytics.alerts.kinds import KINDS
from analytics.alerts.models import Alert
from console.models import Environment
from console.notices.models import Destination
from policies import catalog

Type, About = Alert.Type, Alert.About
PRESETS = (400, 401, 403, 404, 408, 429, 500, 502, 503, 504)
WINDOWS = (1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080)
OFFERED = 100
"""Of gateways and destinations."""
COMPARED = [kind.type for kind in KINDS.values() if kind.is_compared]
WINDOWED = [kind.type for kind in KINDS.values() if kind.has_window]
TRAFFIC = [kind.type for kind in KINDS.values() if kind.is_traffic]
EACH = (
    "Each by itself: the alert is raised for an API as soon as the condition holds for it, and a message "
    "names those for which it does. Added up: their traffic counts as one."
)
UNITS = "Requests; milliseconds of times; percent of an error rate; days of a certificate."
SLIDES = (
    "The window slides: it is looked at every minute; one of more than an hour every 5, one of more than a "
    "day every 15 minutes."
)
PEOPLE = "Logins and mail addresses, 20 of each at most. Logins find it in their inbox, too."
VARIABLES = ", ".join(f"${{{name}}}" for name in wording.VARIABLES)

Properties = dict[str, Any]


def schema(
    environment: Environment, values: Mapping[str, Any], *, is_new: bool, of_one_api: bool = False
) -> dict[str, Any]:
    """`values` may hold a window that is no usual choice: it is one then. `of_one_api`: it is about an
    API, and nothing else can be chosen.
    """
    properties = {
        **_looked_at(is_new=is_new, of_one_api=of_one_api),
        **(_about_one_api() if of_one_api else _about(environment)),
        **_details(),
        **_condition(values),
        "severity": _choice("Severity", Alert.Severity, default=Alert.Severity.WARNING),
        **_told(environment),
    }
    return {"type": "object", "properties": properties}


def _looked_at(*, is_new: bool, of_one_api: bool) -> Properties:
    kinds = {kind.type: kind.title for kind in KINDS.values() if not of_one_api or About.API in kind.abouts}
    return {
        "name": _text("Name", "Lists and messages call it by it.", maxLength=120, needed=True),
        "type": {
            "type": "string",
            "title": "Looks at",
            "enum": list(kinds),
            "labels": kinds,
            "description": "" if is_new else "An alert stays of its type.",
        },
    }


def _about_one_api() -> Properties:
    return {
        "about": {
            "type": "string",
            "title": "About",
            "enum": [About.API],
            "labels": {About.API: str(About.API.label)},
            "description": "You may manage alerts about single APIs here.",
            "default": About.API,
        },
        "api": _text("API", "Its name or its number.", needed=True),
    }


def _about(environment: Environment) -> Properties:
    gateways = environment.gateways.filter(is_revoked=False).values_list("pk", "name")[:OFFERED]
    labels = {str(pk): name for pk, name in gateways}
    return {
        "about": _choice("About", About, default=About.ENVIRONMENT),
        "api": _text("API", "Its name or its number.", when={"about": [About.API]}, needed=True),
        "tag": _text(
            "Tag", "APIs that have it, whenever they get it.", when={"about": [About.TAG]}, needed=True
        ),
        "gateway": {
            "type": "string",
            "title": "Gateway",
            "enum": list(labels),
            "labels": labels,
            "when": {"about": [About.GATEWAY]},
            "needed": True,
        },
        "counted": {
            "type": "string",
            "title": "Of several APIs",
            "enum": ["each", "together"],
            "labels": {"each": "Each by itself", "together": "All added up"},
            "description": EACH,
            "default": "each",
            "when": {"type": TRAFFIC, "about": [one for one in About.values if one != About.API]},
        },
    }


def _details() -> Properties:
    """What one type alone has."""
    inbound = [one for one in catalog.policies() if not one.is_outbound]
    return {
        "codes": {
            "type": "array",
            "title": "Statuses",
            "items": {"type": "integer", "enum": list(PRESETS)},
            "when": {"type": [Type.CODES]},
        },
        "other_codes": _text(
            "Other statuses", "Three digits each, with spaces between them.", when={"type": [Type.CODES]}
        ),
        "policies": {
            "type": "array",
            "title": "Policies",
            "items": {
                "type": "string",
                "enum": [one.name for one in inbound],
                "labels": {one.name: one.title for one in inbound},
            },
            "description": "None ticked: any policy. Automated policies count like an API's own.",
            "when": {"type": [Type.VIOLATIONS]},
        },
        "percentile": _number("Percentile", 95, 50, 99, when={"type": [Type.PERCENTILE]}),
        "slower_ms": _number(
            "Slow is what takes longer than", 1000, 1, 3_600_000, unit="ms", when={"type": [Type.SLOW]}
        ),
    }


def _condition(values: Mapping[str, Any]) -> Properties:
    windows = sorted({*WINDOWS, *_known(values.get("window_minutes"))})
    return {
        "operator": _choice("Is", Alert.Operator, default=Alert.Operator.ABOVE, when={"type": COMPARED}),
        "threshold": {
            "type": "number",
            "title": "Threshold",
            "minimum": 0,
            "needed": True,
            "description": UNITS,
            "when": {"type": [*COMPARED, Type.CERTIFICATE]},
        },
        "window_minutes": {
            "type": "integer",
            "title": "In the last",
            "enum": windows,
            "labels": {str(one): wording.minutes(one) for one in windows},
            "description": SLIDES,
            "default": 5,
            "when": {"type": WINDOWED},
        },
        "periods": _number(
            "Windows in a row",
            1,
            1,
            rules.LONGEST,
            description="The condition must hold for so many of them before the alert is raised.",
            when={"type": COMPARED},
            advanced=True,
        ),
    }


def _told(environment: Environment) -> Properties:
    destinations = list(Destination.objects.usable_in(environment)[:OFFERED])
    programs = {
        "type": "array",
        "title": "Tell programs",
        "items": {
            "type": "string",
            "enum": [str(one.pk) for one in destinations],
            "labels": {str(one.pk): str(one) for one in destinations},
        },
        "description": "Webhooks, Slack and others.",
    }
    return {
        "people": {
            "type": "array",
            "title": "Tell people",
            "items": {"type": "string"},
            "description": PEOPLE,
        },
        **({"destinations": programs} if destinations else {}),
        "subject": _text(
            "Subject", "Empty: the usual one. It may hold variables.", maxLength=200, advanced=True
        ),
        "message": {
            "type": "string",
            "format": "multiline",
            "title": "Message",
            "description": f"Empty: the usual one. Variables: {VARIABLES}.",
            "maxLength": rules.LONGEST_MESSAGE,
            "advanced": True,
        },
    }


def _known(window: object) -> set[int]:
    return {window} if isinstance(window, int) and rules.is_window(window) else set()


def _text(title: str, description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "title": title, "description": description, "default": "", **more}


def _number(title: str, default: int, low: int, high: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "integer",
        "title": title,
        "default": default,
        "minimum": low,
        "maximum": high,
        **more,
    }


def _choice(title: str, choices: Any, **more: Any) -> dict[str, Any]:
    labels = {str(value): str(label) for value, label in choices.choices}
    return {
        "type": "string",
        "title": title,
        "enum": list(labels),
        "labels": labels,
        **more,
    }
