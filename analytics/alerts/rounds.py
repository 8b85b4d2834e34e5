"""A round: every minute, one worker looks at all alerts. A minute that was looked at is not looked at again,
and one that was missed is not made up for: the next round sees what holds by then.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone

from analytics.alerts import looking, settling, telling
from analytics.alerts.models import Alert, Incident, Round
from analytics.grains import MINUTE

GRACE = timedelta(seconds=30)
"""Gateways ship every few seconds; a minute is looked at when it is whole."""
_EVERY = ((24 * 60, 15), (60, 5))
"""Windows longer than so many minutes are looked at every so many: they move slowly, and cost more."""
CERTIFICATES_EVERY = 10
MEMORY = "128MB"
"""Of the database, for one look; of an hour of 5,000 APIs it takes some 80."""

log = logging.getLogger(__name__)


def run(now: datetime | None = None) -> int | None:
    """How many alerts were looked at; None where another worker looks, or nothing is to be looked at yet."""
    started = time.monotonic()
    with transaction.atomic():
        last = _lock()
        if last is None:
            return None
        at = MINUTE.floor((now or timezone.now()) - GRACE)
        if last.until and at <= last.until:
            return None
        _allow_memory()
        alerts = [one for one in _alerts() if is_due(one, at, last.until)]
        settled = _settle(alerts, looking.looks(alerts, at), at, last.until)
        settling.save(settled)
        for one in settled:
            if one.raised or one.resolved:
                _tell(one, at)
        last.until, last.alerts = at, len(alerts)
        last.took_ms = int((time.monotonic() - started) * 1000)
        last.save()
    if last.took_ms > 5000:
        log.warning("alerts=%d took_ms=%d", last.alerts, last.took_ms)
    return len(alerts)


def is_due(alert: Alert, at: datetime, before: datetime | None) -> bool:
    """Whether a look at it belongs into the round at this minute; `before` is the minute of the last."""
    every = _every(alert)
    return before is None or every == 1 or _slot(alert, at, every) != _slot(alert, before, every)


def _tell(settled: settling.Settled, at: datetime) -> None:
    """A fault of ours in one alert keeps no other quiet; it is told by the next round."""
    try:
        with transaction.atomic():
            telling.tell(settled, at)
    except Exception:
        log.exception("alert=%s told=false", settled.alert.pk)


def _every(alert: Alert) -> int:
    if alert.type == Alert.Type.CERTIFICATE:
        return CERTIFICATES_EVERY
    return next((every for minutes, every in _EVERY if alert.window_minutes > minutes), 1)


def _slot(alert: Alert, at: datetime, every: int) -> int:
    """Windows of different lengths take turns."""
    return (int(at.timestamp()) // 60 + alert.window_minutes // 60) // every


def _allow_memory() -> None:
    """For this transaction: histograms of thousands of APIs are else sorted on disk before they are put
    together, with every look.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = %s", [MEMORY])


def _lock() -> Round | None:
    Round.objects.bulk_create([Round()], ignore_conflicts=True)
    return Round.objects.select_for_update(skip_locked=True).first()


def _alerts() -> list[Alert]:
    named = ("environment__organization", "api__asset", "gateway")
    return list(Alert.objects.filter(is_enabled=True).select_related(*named).order_by("pk"))


def _settle(
    alerts: Sequence[Alert], looks: looking.Looks, at: datetime, before: datetime | None
) -> list[settling.Settled]:
    """Of those that are still what they were when the round began; nobody changes them until it ends."""
    editions = dict(
        Alert.objects.select_for_update(no_key=True)
        .filter(pk__in=[one.pk for one in alerts], is_enabled=True)
        .order_by("pk")
        .values_list("pk", "edition")
    )
    known = [one for one in alerts if editions.get(one.pk) == one.edition]
    open_ = settling.by_alert(Incident.objects.filter(alert__in=editions, resolved_at=None))
    return [settling.settle(one, looks[one.pk], open_.get(one.pk, []), at, before) for one in known]
