"""What an alert is refused for, and in which words."""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from analytics.alerts import permission, wording
from analytics.alerts.kinds import KINDS, AlertKind
from analytics.alerts.models import Alert
from analytics.alerts.wanted import WantedAlert
from apis.models import ApiInstance
from console.models import Environment, User
from console.notices.models import Destination
from console.permissions import Permission
from policies import catalog

MOST = 1000
"""Of an environment."""
MOST_OF_API = 20
MOST_WIDE = 200
"""Of an environment, about more than one API."""
MOST_TOLD = 20
"""Of people, of addresses, of destinations."""
MOST_CODES = 10
MOST_POLICIES = 20
LONGEST = 31 * 24 * 60
"""Minutes that a condition may have to hold."""
LONGEST_MESSAGE = 4000
NO_VIEWER = "Choose people who may view alerts in {}."
WINDOW = "A window is 1 to 60 minutes, or 1 to 24 whole hours, or 1 to 7 whole days; {} is none."
Operator, About, Type = Alert.Operator, Alert.About, Alert.Type


@dataclass(frozen=True)
class AlertFault:
    field: str
    message: str
    code: str = "invalid"


def check(environment: Environment, wanted: WantedAlert, alert: Alert | None = None) -> None:
    """Raises ValidationError by the fields of Wanted. `alert` is the one that is to become so."""
    kind = KINDS.get(wanted.type)
    if kind is None:
        raise ValidationError({"type": ["Choose what the alert looks at."]})
    faults = [
        *_name(wanted),
        *_type(kind, wanted, alert),
        *_about(environment, wanted),
        *_condition(kind, wanted),
        *_window(kind, wanted),
        *_details(wanted),
        *_told(environment, wanted, alert),
        *_words(wanted),
    ]
    if not faults:
        faults = list(_room(environment, wanted, alert))
    refuse(faults)


def refuse(faults: list[AlertFault]) -> None:
    if not faults:
        return
    by_field: dict[str, list[ValidationError]] = defaultdict(list)
    for fault in faults:
        by_field[fault.field].append(ValidationError(fault.message, code=fault.code))
    raise ValidationError(dict(by_field))


def is_window(minutes: int) -> bool:
    return (
        1 <= minutes <= 60
        or (minutes % 60 == 0 and minutes <= 24 * 60)
        or (minutes % 1440 == 0 and minutes <= 7 * 1440)
    ) and minutes > 0


def _name(wanted: WantedAlert) -> Iterator[AlertFault]:
    name = wanted.name.strip()
    if not name:
        yield AlertFault("name", "Give the alert a name; messages and lists call it by it.")
    elif len(name) > 120 or not name.isprintable():
        yield AlertFault("name", "A name is one line of 120 characters at most.")
    if wanted.severity not in Alert.Severity.values:
        yield AlertFault("severity", f"A severity is one of {', '.join(Alert.Severity.values)}.")


def _type(kind: AlertKind, wanted: WantedAlert, alert: Alert | None) -> Iterator[AlertFault]:
    if alert and alert.type != kind.type:
        yield AlertFault("type", "An alert stays of its type; add another one.")
    if wanted.about not in About.values:
        yield AlertFault("about", f"An alert is about one of {', '.join(About.values)}.")
    elif wanted.about not in kind.abouts:
        named = wording.listed([str(About(one).label).lower() for one in kind.abouts], "or")
        yield AlertFault("about", f"{kind.title} is about {named}.")


def _about(environment: Environment, wanted: WantedAlert) -> Iterator[AlertFault]:
    match wanted.about:
        case About.API:
            if not wanted.api or not _is_there(environment, wanted.api):
                yield AlertFault("api", f"Choose an API of {environment}.")
        case About.GATEWAY:
            if not wanted.gateway or not environment.gateways.filter(pk=wanted.gateway).exists():
                yield AlertFault("gateway", f"Choose a gateway of {environment}.")
        case About.TAG:
            if not 0 < len(wanted.tag.strip()) <= 60:
                yield AlertFault(
                    "tag", "Write a tag, of 60 characters at most; APIs that have it are watched."
                )


def _condition(kind: AlertKind, wanted: WantedAlert) -> Iterator[AlertFault]:
    at = wanted.threshold
    if kind.is_compared and wanted.operator not in Operator.values:
        yield AlertFault("operator", f"An operator is one of {', '.join(Operator.values)}.")
    if not (kind.is_compared or kind.type == Type.CERTIFICATE):
        return
    if not math.isfinite(at) or not 0 <= at <= kind.most:
        yield AlertFault("threshold", f"Write a number from 0 to {wording.number(kind.most)} ({kind.unit}).")
    elif kind.unit not in ("ms", "%") and at != int(at):
        yield AlertFault("threshold", f"Write a whole number of {kind.unit}.")
    elif kind.is_compared and _never_holds(kind, wanted):
        yield AlertFault("threshold", "This never holds: write another number or another operator.")
    elif kind.is_compared and _always_holds(kind, wanted):
        yield AlertFault("threshold", "This always holds: write another number or another operator.")


def _never_holds(kind: AlertKind, wanted: WantedAlert) -> bool:
    at, operator = wanted.threshold, wanted.operator
    return (operator == Operator.BELOW and at == 0) or (
        kind.type == Type.ERRORS and operator == Operator.ABOVE and at >= 100
    )


def _always_holds(kind: AlertKind, wanted: WantedAlert) -> bool:
    at, operator = wanted.threshold, wanted.operator
    return (operator == Operator.AT_LEAST and at == 0) or (
        kind.type == Type.ERRORS and operator == Operator.AT_MOST and at >= 100
    )


def _window(kind: AlertKind, wanted: WantedAlert) -> Iterator[AlertFault]:
    if not kind.has_window:
        return
    if not is_window(wanted.window_minutes):
        yield AlertFault("window_minutes", WINDOW.format(f"{wanted.window_minutes:,} minutes"))
    elif wanted.periods < 1 or wanted.window_minutes * wanted.periods > LONGEST:
        most = LONGEST // wanted.window_minutes
        yield AlertFault("periods", f"Write 1 to {most:,} windows in a row: 31 days together, at most.")


def _details(wanted: WantedAlert) -> Iterator[AlertFault]:
    match wanted.type:
        case Type.CODES:
            if not 1 <= len(set(wanted.codes)) <= MOST_CODES:
                yield AlertFault("codes", f"Write 1 to {MOST_CODES} statuses, such as 500 and 503.")
            elif bad := [code for code in wanted.codes if not 100 <= code <= 599]:
                yield AlertFault("codes", f"{bad[0]} is no status; write three digits, from 100 to 599.")
        case Type.VIOLATIONS:
            known = {one.name for one in catalog.policies()}
            if len(wanted.policies) > MOST_POLICIES:
                yield AlertFault("policies", f"Choose {MOST_POLICIES} policies at most, or none for any.")
            elif bad_names := [name for name in wanted.policies if name not in known]:
                yield AlertFault("policies", f"{bad_names[0][:80]} is no policy of the catalog.")
        case Type.PERCENTILE:
            if not 50 <= wanted.percentile <= 99:
                yield AlertFault("percentile", "Write a percentile from 50 to 99.")
        case Type.SLOW:
            if not 1 <= wanted.slower_ms <= 3_600_000:
                yield AlertFault("slower_ms", "Write 1 to 3,600,000 ms.")


def _told(environment: Environment, wanted: WantedAlert, alert: Alert | None) -> Iterator[AlertFault]:
    """Whom it tells already stays: who has left since is told nothing, and is in nobody's way."""
    for name in ("users", "addresses", "destinations"):
        if len(set(getattr(wanted, name))) > MOST_TOLD:
            yield AlertFault(name, f"At most {MOST_TOLD}.")
            return
    new = set(wanted.users) - set(alert.users if alert else ())
    people = {one.pk: one for one in User.objects.filter(pk__in=new, is_active=True)}
    of = environment, wanted.about, wanted.api
    if any(pk not in people or Permission.VIEW_ALERTS not in permission.may(people[pk], *of) for pk in new):
        yield AlertFault("users", NO_VIEWER.format(environment))
    for address in wanted.addresses:
        try:
            validate_email(address)
        except ValidationError:
            yield AlertFault("addresses", f"{address[:80]} is no mail address.")
    known = set(Destination.objects.usable_in(environment).values_list("pk", flat=True))
    if not known.issuperset(set(wanted.destinations) - set(alert.destinations if alert else ())):
        yield AlertFault("destinations", f"Choose destinations of {environment}.")


def _words(wanted: WantedAlert) -> Iterator[AlertFault]:
    if len(wanted.subject) > 200:
        yield AlertFault("subject", "A subject has 200 characters at most.")
    if len(wanted.message) > LONGEST_MESSAGE:
        yield AlertFault("message", f"A message has {LONGEST_MESSAGE:,} characters at most.")
    for field, text in (("subject", wanted.subject), ("message", wanted.message)):
        yield from (AlertFault(field, fault) for fault in wording.unknown(text))


def _room(environment: Environment, wanted: WantedAlert, alert: Alert | None) -> Iterator[AlertFault]:
    others = environment.alerts.exclude(pk=alert.pk if alert else 0)
    if others.count() >= MOST:
        yield AlertFault("", f"{environment} has {MOST:,} alerts, and has room for no more.", "conflict")
    elif wanted.about == About.API and others.filter(api=wanted.api).count() >= MOST_OF_API:
        yield AlertFault("api", f"This API has {MOST_OF_API} alerts, and has room for no more.", "conflict")
    elif wanted.about != About.API and others.exclude(about=About.API).count() >= MOST_WIDE:
        yield AlertFault(
            "about", f"{environment} has {MOST_WIDE} alerts about more than one API, at most.", "conflict"
        )


def _is_there(environment: Environment, api: int) -> bool:
    return 0 < api < 2**63 and ApiInstance.objects.filter(environment=environment, pk=api).exists()
