"""Gives API Manager, which lies below, what its pages show of alerts, and what of them goes with an API."""

from collections.abc import Iterable

from django.db.models import Q

from analytics.alerts import wording
from analytics.alerts.models import Alert, Incident
from apis.alerting import Alerting
from apis.models import ApiInstance
from console.models import User

KEPT = 200
"""Of an alert's incidents, the newest go with a deleted API and come back with it."""
_RANKS: dict[str, int] = {Alert.Severity.CRITICAL: 0, Alert.Severity.WARNING: 1, Alert.Severity.INFO: 2}


def alerting(api: ApiInstance, user: User) -> list[Alerting]:
    """Of its own alerts and of those that are about it among others."""
    raised = Incident.objects.filter(resolved_at=None, alert__in=Alert.objects.visible_to(user).alerting())
    mine = raised.exclude(raised_at=None).filter(Q(key=f"api:{api.pk}") | Q(alert__api=api))
    found = sorted(mine.select_related("alert"), key=lambda one: (_RANKS[one.alert.severity], one.since))
    return [
        Alerting(
            one.alert.name,
            f"{wording.sentence(one.alert)}: {wording.amount(one.alert, one.newest)}",
            one.alert.severity == Alert.Severity.CRITICAL,
            one.since,
            one.alert.get_absolute_url(),
        )
        for one in found
    ]


def alerts_of(api: ApiInstance) -> Iterable[Alert]:
    return Alert.objects.filter(api=api).order_by("pk")


def incidents_of(api: ApiInstance) -> Iterable[Incident]:
    return Incident.objects.filter(alert__api=api).order_by("-pk")[:KEPT]
