"""Every change of an alert. Each is atomic, takes who does it, raises PermissionDenied where they may not,
ValidationError with `{field: [messages]}` where it cannot be, and writes the audit entry.
"""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404
from django.utils import timezone

from analytics.alerts import permission, rules, telling, wanted, wording
from analytics.alerts.kinds import kind_of
from analytics.alerts.models import Alert, Incident
from analytics.alerts.wanted import WantedAlert
from console import audit
from console.models import AuditEntry, Environment, User
from console.versions import check as check_version
from console.versions import version

LONGEST_SILENCE = timedelta(days=30)
PAUSED = "paused"
CONDITION = (
    *("about", "api_id", "tag", "gateway_id", "is_together", "operator", "threshold", "window_minutes"),
    *("periods", "codes", "policies", "percentile", "slower_ms"),
)


def seen_version(alert: Alert) -> str:
    return version(_facts(alert))


@transaction.atomic
def add(actor: User, environment: Environment, what: WantedAlert) -> Alert:
    environment.lock()
    permission.require_about(actor, environment, what.about, what.api)
    rules.check(environment, what)
    alert = Alert(environment=environment, created_by=actor)
    wanted.put(what, alert)
    alert.save()
    _record(actor, AuditEntry.Action.CREATE, alert, after=_facts(alert))
    return alert


@transaction.atomic
def edit(actor: User, alert: Alert, what: WantedAlert, *, seen: str = "") -> Alert:
    """Raises Changed when it is not as it was `seen`. What it had raised goes on while its condition, as it
    is then, holds; what had not held long enough begins anew.
    """
    alert = _locked(actor, alert)
    check_version(seen, seen_version(alert))
    permission.require_about(actor, alert.environment, what.about, what.api)
    rules.check(alert.environment, what, alert)
    before, was = _facts(alert), _condition(alert)
    was_enabled = alert.is_enabled
    wanted.put(what, alert)
    if _condition(alert) != was:
        alert.incidents.filter(raised_at=None).delete()
    if was_enabled and not alert.is_enabled:
        _end(alert, PAUSED)
    _save(alert)
    _record(actor, AuditEntry.Action.UPDATE, alert, before=before, after=_facts(alert))
    return alert


@transaction.atomic
def delete(actor: User, alert: Alert, *, seen: str = "") -> None:
    alert = _locked(actor, alert)
    check_version(seen, seen_version(alert))
    before, key = _facts(alert), alert.pk
    alert.delete()
    alert.pk = key
    _record(actor, AuditEntry.Action.DELETE, alert, before=before)


@transaction.atomic
def pause(actor: User, alert: Alert, *, is_paused: bool) -> Alert:
    """A paused one looks at nothing; what it had raised ends, and nobody is told."""
    alert = _locked(actor, alert)
    before = _facts(alert)
    if alert.is_enabled and is_paused:
        _end(alert, PAUSED)
    alert.is_enabled = not is_paused
    _save(alert)
    _record(actor, AuditEntry.Action.UPDATE, alert, before=before, after=_facts(alert))
    return alert


@transaction.atomic
def silence(actor: User, alert: Alert, minutes: int) -> Alert:
    """It goes on looking and tells nobody for so long; 0: it tells again, what still holds too."""
    alert = _locked(actor, alert)
    if not 0 <= minutes <= LONGEST_SILENCE.total_seconds() // 60:
        raise ValidationError({"minutes": ["Silence it for 1 minute to 30 days."]})
    before = _facts(alert)
    alert.silenced_until = timezone.now() + timedelta(minutes=minutes) if minutes else None
    _save(alert)
    _record(actor, AuditEntry.Action.UPDATE, alert, before=before, after=_facts(alert))
    return alert


@transaction.atomic
def send_test(actor: User, alert: Alert) -> int:
    """A message marked as a test to all whom it tells. To how many."""
    alert = _locked(actor, alert)
    count = telling.test(alert)
    if not count:
        raise ValidationError({"": ["The alert tells nobody yet; name people, addresses or destinations."]})
    _record(actor, AuditEntry.Action.UPDATE, alert, before={"test": None}, after={"test": f"sent to {count}"})
    return count


def lock(alert: Alert) -> Alert:
    """As it is now. Raises Http404 when it was deleted meanwhile."""
    rows = Alert.objects.select_for_update(of=("self",))
    found = rows.select_related("environment__organization", "api__asset", "gateway").filter(pk=alert.pk)
    fresh = found.first()
    if fresh is None:
        raise Http404(f"Alert {alert.pk} not found.")
    return fresh


def _locked(actor: User, alert: Alert) -> Alert:
    """For who may manage it as it is now: it may be about something else since it was looked at."""
    fresh = lock(alert)
    permission.require(actor, fresh)
    return fresh


def _save(alert: Alert) -> None:
    alert.edition += 1
    alert.save()


def _end(alert: Alert, why: str) -> None:
    now: datetime = timezone.now()
    alert.incidents.filter(resolved_at=None, raised_at=None).delete()
    Incident.objects.filter(alert=alert, resolved_at=None).update(resolved_at=now, ending=why)
    if alert.state == Alert.State.ALERTING:
        alert.state, alert.state_since = Alert.State.OK, now


def _condition(alert: Alert) -> list[Any]:
    return [getattr(alert, name) for name in CONDITION]


def _record(actor: User, action: AuditEntry.Action, alert: Alert, **sides: Any) -> None:
    where = alert.environment
    audit.record(
        actor, action, alert, organization=where.organization, environment=where, of=alert.api, **sides
    )


def _facts(alert: Alert) -> dict[str, Any]:
    people = dict(User.objects.filter(pk__in=alert.users).values_list("pk", "username"))
    return {
        "name": alert.name,
        "type": kind_of(alert).title,
        "severity": alert.severity,
        "about": wording.about(alert),
        "condition": wording.sentence(alert),
        "added_up": alert.is_together,
        "people": sorted(people.get(pk, str(pk)) for pk in alert.users),
        "addresses": list(alert.addresses),
        "destinations": list(alert.destinations),
        "subject": alert.subject,
        "message": alert.message,
        "enabled": alert.is_enabled,
        "silenced_until": alert.silenced_until.isoformat() if alert.silenced_until else None,
    }
