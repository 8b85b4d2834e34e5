"""Tells those whom an alert names that it was raised or resolved: rows of the outbox, in the round's own
transaction, so that nobody is told twice and nothing is lost.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from analytics.alerts import permission, wording
from analytics.alerts.covered import called
from analytics.alerts.models import Alert, Incident
from analytics.alerts.settling import Settled
from console.models import User
from console.notices import telling as notices
from console.notices.models import Destination
from console.permissions import Permission

KIND = "alerts"
LISTED = 20
"""So many are listed with their values; the others are counted."""


def tell(settled: Settled, at: datetime) -> None:
    """Of one round: what was raised in one message, what was resolved in another. While it is silenced nobody
    is told; what goes on when the silence ends, is told then.
    """
    alert = settled.alert
    if alert.is_silenced:
        return
    if settled.raised:
        send(alert, settled.raised, at, is_raised=True)
        Incident.objects.filter(pk__in=[one.pk for one in settled.raised]).update(is_told=True)
    if settled.resolved:
        send(alert, settled.resolved, at, is_raised=False)


def test(alert: Alert) -> int:
    """A message that says it is a test, to all whom the alert names. To how many."""
    now = timezone.now()
    example = Incident(alert=alert, name=_example(alert), since=now, raised_at=now, newest=alert.threshold)
    return send(alert, [example], now, is_raised=True, is_test=True)


def send(
    alert: Alert, incidents: Sequence[Incident], at: datetime, *, is_raised: bool, is_test: bool = False
) -> int:
    """To how many it goes."""
    names = [one.name for one in incidents]
    filling = wording.values(alert, names, _worst(alert, incidents), at, is_raised=is_raised)
    subject, text = wording.filled(alert.subject, filling), wording.filled(alert.message, filling)
    if len(incidents) > 1:
        text += "\n\n" + _listed(alert, incidents)
    if not is_raised:
        text = f"It is over for {filling['api']}. What was seen last while the condition held:\n\n{text}"
        if "${alertState}" not in alert.subject:
            subject = f"[Resolved] {subject}"
    if is_test:
        subject, text = f"[Test] {subject}", f"This is a test of alert {alert}; nothing is wrong.\n\n{text}"
    people = recipients(alert)
    place = alert.environment
    link = alert.get_absolute_url()
    if people or alert.addresses:
        notices.tell(
            KIND,
            organization=place.organization,
            environment=place,
            users=people,
            addresses=alert.addresses,
            subject=subject,
            text=text,
            link=link,
        )
    payload = _payload(alert, incidents, at, is_raised=is_raised, is_test=is_test)
    found = list(Destination.objects.usable_in(place).filter(pk__in=alert.destinations))
    for one in found:
        notices.send_to(one, subject, text, payload, kind=KIND, link=link)
    return len(people) + len(alert.addresses) + len(found)


def recipients(alert: Alert) -> list[User]:
    """Who is named and still may see what it is about."""
    found = User.objects.filter(pk__in=alert.users, is_active=True)
    of = alert.environment, alert.about, alert.api_id
    return [one for one in found if Permission.VIEW_ALERTS in permission.may(one, *of)]


def _worst(alert: Alert, incidents: Sequence[Incident]) -> float | None:
    """What is farthest from what was wanted."""
    known = [one.newest for one in incidents if one.newest is not None]
    is_low = alert.operator in (Alert.Operator.BELOW, Alert.Operator.AT_MOST)
    is_low = is_low or alert.type == Alert.Type.CERTIFICATE
    return (min if is_low else max)(known, default=None)


def _listed(alert: Alert, incidents: Sequence[Incident]) -> str:
    lines = [f"{one.name}: {wording.amount(alert, one.newest)}" for one in incidents[:LISTED]]
    more = len(incidents) - LISTED
    return "\n".join(lines + ([f"and {more:,} more"] if more > 0 else []))


def _payload(
    alert: Alert, incidents: Sequence[Incident], at: datetime, *, is_raised: bool, is_test: bool
) -> dict[str, Any]:
    """What programs get: names and numbers, and no text that somebody wrote."""
    return {
        "alert": {"id": alert.pk, "name": alert.name, "type": alert.type, "severity": alert.severity},
        "state": "alerting" if is_raised else "ok",
        "test": is_test,
        "at": at.isoformat(),
        "organizationId": str(alert.environment.organization_id),
        "environmentId": str(alert.environment_id),
        "condition": {
            "text": wording.sentence(alert),
            "operator": alert.operator,
            "threshold": alert.threshold,
            "windowMinutes": alert.window_minutes,
            "periods": alert.periods,
        },
        "incidents": [
            {"key": one.key, "name": one.name, "value": one.newest, "since": one.since.isoformat()}
            for one in incidents[:LISTED]
        ],
        "more": max(0, len(incidents) - LISTED),
    }


def _example(alert: Alert) -> str:
    if alert.api:
        return called(alert.api.asset.name, alert.api.label)
    return str(alert.gateway) if alert.gateway_id else "An example"
