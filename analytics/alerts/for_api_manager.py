"""Gives API Manager, which lies below, what its pages show of alerts, and what of them goes with an API."""

from collections.abc import Iterable
from uuid import UUID, uuid4

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from analytics.alerts import wording
from analytics.alerts.models import Alert, Incident
from apis.alerting import Alerting
from apis.models import ApiInstance
from console.compiled import CompiledQuery
from console.models import User
from console.permissions import Permission

KEPT = 200
"""Of an alert's incidents, the newest go with a deleted API and come back with it."""
_RANKS: dict[str, int] = {Alert.Severity.CRITICAL: 0, Alert.Severity.WARNING: 1, Alert.Severity.INFO: 2}


def alerting(api: ApiInstance, user: User) -> list[Alerting]:
    """Of its own alerts and of those that are about it among others, for whoever may see those."""
    held = user.held()
    here = held.in_environment(api.environment_id, api.environment.organization.path)
    mine = _raised(environment=api.environment_id, api=api.pk, key=f"api:{api.pk}")
    if Permission.VIEW_ALERTS not in here:
        mine = [one for one in mine if one.alert.api_id in held.apis(Permission.VIEW_ALERTS)]
    found = sorted(mine, key=lambda one: (_RANKS[one.alert.severity], one.since))
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


def _raised_for(environment: UUID, api: int, key: str) -> QuerySet[Incident]:
    alerts = Alert.objects.filter(environment=environment).alerting(Now()).order_by()
    raised = Incident.objects.filter(resolved_at=None, raised_at__isnull=False, alert__in=alerts)
    return raised.filter(Q(key=key) | Q(alert__api=api)).order_by().select_related("alert")


_raised = CompiledQuery(_raised_for, environment=uuid4(), api=8 * 10**17, key="what it is of")


def alerts_of(api: ApiInstance) -> Iterable[Alert]:
    return Alert.objects.filter(api=api).order_by("pk")


def incidents_of(api: ApiInstance) -> Iterable[Incident]:
    return Incident.objects.filter(alert__api=api).order_by("-pk")[:KEPT]
