"""Alerts for pages to show."""

from datetime import timedelta

from django.utils import timezone

from analytics.alerts.models import Incident
from apis.models import ApiInstance
from tests.apis.views.pages import Place
from tests.factories import make_alert


def alerts_of(place: Place, api: ApiInstance) -> int:
    """One that holds for an API and tells of it; others in each state."""
    make_alert(place.environment, name="Quiet", is_enabled=False)
    make_alert(place.environment, name="Slow", type="percentile", threshold=250, state="ok")
    raised = make_alert(api=api, name="Errors", severity="critical", state="alerting", users=[place.user.pk])
    at = timezone.now() - timedelta(minutes=7)
    told = {"key": f"api:{api.pk}", "name": api.asset.name, "since": at, "raised_at": at, "is_told": True}
    Incident.objects.create(alert=raised, value=12, newest=14.5, **told)
    Incident.objects.create(alert=raised, value=9, newest=9, resolved_at=at, **told)
    return raised.pk
