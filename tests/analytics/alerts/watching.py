"""Alerts for tests, and rounds at a time of the test's choosing."""

from datetime import UTC, datetime, timedelta
from typing import Any

from analytics.alerts import rounds
from analytics.alerts.models import Alert, Incident
from apis.models import ApiInstance
from console.notices.models import Notice
from tests.analytics.traffic import Shipper, count
from tests.factories import make_role, make_user

USUAL = {
    "type": Alert.Type.ERRORS,
    "about": Alert.About.API,
    "threshold": 5.0,
    "subject": "${api} ${alertState}",
    "message": "${condition} ${value}",
}


def make_alert(api: ApiInstance, /, **fields: Any) -> Alert:
    """About the API's error rate, telling a viewer."""
    viewer = make_user()
    make_role(viewer, api.environment.organization, "viewer")
    given = {**USUAL, "name": "Errors", "users": [viewer.pk], **fields}
    if given["about"] == Alert.About.API:
        given.setdefault("api", api)
    return Alert.objects.create(environment=api.environment, **given)


class Clock:
    """Minutes of the last hours, whole ones."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=2)

    def ahead(self, minutes: int = 1) -> None:
        self.at += timedelta(minutes=minutes)

    @property
    def seconds(self) -> int:
        """Within the minute that the next round sees last."""
        return int(self.at.timestamp()) - 30

    def round(self, minutes: int = 1) -> int | None:
        """So many minutes pass, with a look at the end of each."""
        found = None
        for _ in range(minutes):
            found = rounds.run(self.at + rounds.GRACE)
            self.ahead()
        return found

    def ship(self, shipper: Shipper, api: ApiInstance, requests: int = 10, **fields: Any) -> None:
        shipper.ship(count(api, requests, at=self.seconds, **fields))


def told() -> list[str]:
    """The subjects of what was told in the console, in their order."""
    return list(Notice.objects.order_by("pk").values_list("subject", flat=True))


def open_incidents() -> list[str]:
    return list(Incident.objects.filter(resolved_at=None).order_by("name").values_list("name", flat=True))
