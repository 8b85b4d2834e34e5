"""What a look changes: incidents that begin, are raised, go on or end, and the state of their alerts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from analytics.alerts.judging import Breach, Look
from analytics.alerts.models import Alert, Incident

CALM = 2
"""An incident is over when so many looks on end did not find it: a minute that is told late hides none."""
MOST_OPEN = 1000
"""Of one alert. Of more that hold at once, those are kept that were open already, then the first."""


@dataclass
class Settled:
    """What became of one alert's incidents."""

    alert: Alert
    new: list[Incident] = field(default_factory=list)
    changed: list[Incident] = field(default_factory=list)
    gone: list[Incident] = field(default_factory=list)
    raised: list[Incident] = field(default_factory=list)
    """Nobody was told of these yet."""
    resolved: list[Incident] = field(default_factory=list)
    """They ended now, and somebody knows of them."""
    is_changed: bool = False
    """Whether the alert's own state is another one."""


def settle(
    alert: Alert, look: Look, incidents: Sequence[Incident], at: datetime, before: datetime | None
) -> Settled:
    """`before` is when it was looked at last, as far as that counts: after a longer pause nobody knows
    whether a condition held all the while.
    """
    found = _kept(look, incidents)
    settled = Settled(alert)
    is_torn = before is None or at - before > max(alert.window, timedelta(minutes=15))
    for incident in incidents:
        breach = found.pop(incident.key, None)
        if breach is None:
            _calm(settled, incident, at)
        else:
            _go_on(settled, incident, breach, at, is_torn)
    for breach in found.values():
        incident = Incident(
            alert=alert, key=breach.key, name=breach.name[:255], since=at, newest=breach.value
        )
        _raise_if_held(alert, incident, at)
        settled.new.append(incident)
    raised = [one for one in (*incidents, *settled.new) if one.raised_at and not one.resolved_at]
    settled.raised = [one for one in raised if not one.is_told]
    _state(settled, look, at, is_alerting=bool(raised))
    return settled


def _kept(look: Look, incidents: Sequence[Incident]) -> dict[str, Breach]:
    """By key. One that holds on is not over because others came before it."""
    found = {breach.key: breach for breach in look.breaches}
    if len(found) <= MOST_OPEN:
        return found
    known = [one.key for one in incidents if one.key in found]
    return {key: found[key] for key in [*dict.fromkeys((*known, *found))][:MOST_OPEN]}


def save(settled: Sequence[Settled]) -> None:
    """In as few statements for a thousand alerts as for one."""
    Incident.objects.filter(pk__in=[one.pk for some in settled for one in some.gone]).delete()
    Incident.objects.bulk_create([one for some in settled for one in some.new], batch_size=1000)
    _save_changed([one for some in settled for one in some.changed])
    alerts = [some.alert for some in settled if some.is_changed]
    Alert.objects.bulk_update(alerts, ["state", "state_since"], batch_size=500)


_COLUMNS = {
    "since": "timestamptz",
    "raised_at": "timestamptz",
    "resolved_at": "timestamptz",
    "value": "float8",
    "newest": "float8",
    "calm": "int4",
}
"""What changes of an incident, and of which type it is."""


def _save_changed(incidents: Sequence[Incident]) -> None:
    """Of alerts about each of thousands of APIs nearly all change, every minute: Django's bulk_update takes
    many times as long to put its statement together as the database to do it.
    """
    if not incidents:
        return
    types = ", ".join(f"%s::{one}[]" for one in ("bigint", *_COLUMNS.values()))
    values = [[getattr(one, name) for one in incidents] for name in ("pk", *_COLUMNS)]
    sql = f"""
        UPDATE {Incident._meta.db_table} AS incident
        SET {", ".join(f"{name} = new.{name}" for name in _COLUMNS)}
        FROM unnest({types}) AS new (id, {", ".join(_COLUMNS)}) WHERE incident.id = new.id
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def _go_on(settled: Settled, incident: Incident, breach: Breach, at: datetime, is_torn: bool) -> None:
    was = incident.newest, incident.calm, incident.raised_at, incident.since
    incident.newest, incident.calm = breach.value, 0
    if incident.raised_at is None:
        if is_torn:
            incident.since = at
        _raise_if_held(settled.alert, incident, at)
    if was != (incident.newest, incident.calm, incident.raised_at, incident.since):
        settled.changed.append(incident)


def _calm(settled: Settled, incident: Incident, at: datetime) -> None:
    if incident.raised_at is None:
        settled.gone.append(incident)
        return
    incident.calm += 1
    if incident.calm >= CALM:
        incident.resolved_at = at
        if incident.is_told:
            settled.resolved.append(incident)
    settled.changed.append(incident)


def _raise_if_held(alert: Alert, incident: Incident, at: datetime) -> None:
    if at - incident.since >= alert.held:
        incident.raised_at, incident.value = at, incident.newest


def _state(settled: Settled, look: Look, at: datetime, *, is_alerting: bool) -> None:
    alert, state = settled.alert, Alert.State.PENDING
    if is_alerting:
        state = Alert.State.ALERTING
    elif look.is_known or alert.state != Alert.State.PENDING:
        state = Alert.State.OK
    if state != alert.state:
        alert.state, alert.state_since, settled.is_changed = state, at, True


def by_alert(incidents: Iterable[Incident]) -> Mapping[int, list[Incident]]:
    found: dict[int, list[Incident]] = {}
    for one in incidents:
        found.setdefault(one.alert_id, []).append(one)
    return found
