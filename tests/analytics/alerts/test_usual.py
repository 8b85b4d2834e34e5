"""What every list, page and form does, of alerts."""

from dataclasses import replace
from typing import cast

from django.db.models import Model

from analytics.alerts import change
from analytics.alerts.models import Alert, Incident
from analytics.alerts.wanted import wanted_of
from apis.models import ApiInstance
from tests.factories import make_actor, make_alert, make_api, make_gateway
from tests.usual.details import Detail
from tests.usual.forms import Form, Sent, VersionedForm
from tests.usual.here import Here
from tests.usual.lists import EmptyList, SearchedList, SortedList


def api_of(here: Here) -> ApiInstance:
    """One of the place, the same each time."""
    found = ApiInstance.objects.filter(environment=here.environment).first()
    return found or make_api(make_gateway(here.environment), name="orders")


class TestAlerts(SearchedList, SortedList, EmptyList):
    path = "/alerts"
    part = "alerts"
    noun = "alert"
    nothing = "No alerts yet"
    offers = "/alerts/new"
    columns = ("state", "name", "severity", "changed")

    def make(self, here: Here, name: str) -> object:
        return make_alert(here.environment, name=name)


class TestAlertsOfAnApi(SearchedList, EmptyList):
    part = "alerts"
    noun = "alert"
    nothing = "No alerts of this API yet"

    def address(self, here: Here) -> str:
        return f"/apis/{api_of(here).pk}/alerts"

    def make(self, here: Here, name: str) -> object:
        return make_alert(api=api_of(here), name=name)


class TestIncidentsOfAnAlert(SearchedList):
    part = "incidents"
    noun = "incident"

    def alert(self, here: Here) -> Alert:
        found = Alert.objects.filter(environment=here.environment).first()
        return found or make_alert(here.environment)

    def address(self, here: Here) -> str:
        return f"/alerts/{self.alert(here).pk}"

    def make(self, here: Here, name: str) -> object:
        alert = self.alert(here)
        at = alert.created_at
        return Incident.objects.create(alert=alert, key=name, name=name, since=at, raised_at=at)


class TestAlert(Detail):
    tabs = ("", "/edit", "/chart")
    is_numbered = True

    def make(self, here: Here) -> Model:
        return make_alert(here.environment)


GOOD = {
    "name": "Too many errors",
    "type": "errors",
    "about": "environment",
    "counted": "each",
    "operator": "above",
    "threshold": "7.5",
    "window_minutes": "10",
    "periods": "1",
    "severity": "critical",
    "people": "ops@acme.example",
    "subject": "",
    "message": "",
}


class TestNewAlert(Form):
    bad = {"threshold": "lots"}
    at = "f-threshold"
    words = "no number"
    typed = {"name": "Too many errors"}

    def make(self, here: Here) -> Model:
        return here.environment

    def address(self, row: Model) -> str:
        return "/alerts/new"

    def good(self, here: Here) -> Sent:
        return GOOD

    def is_saved(self, row: Model) -> bool:
        found = Alert.objects.filter(environment=row, name="Too many errors")
        return found.filter(threshold=7.5, window_minutes=10, addresses=["ops@acme.example"]).exists()


class TestAlertForm(VersionedForm):
    bad = {"subject": "${nonsense}"}
    at = "f-subject"
    words = "is no variable"
    typed = {"name": "Too many errors"}
    is_seen_by_viewers = True

    def make(self, here: Here) -> Model:
        return make_alert(here.environment)

    def address(self, row: Model) -> str:
        return f"/alerts/{row.pk}/edit"

    def good(self, here: Here) -> Sent:
        return GOOD

    def is_saved(self, row: Model) -> bool:
        return Alert.objects.filter(pk=row.pk, name="Too many errors", threshold=7.5).exists()

    def change_meanwhile(self, row: Model, here: Here) -> None:
        alert = cast(Alert, row)
        change.edit(make_actor(), alert, replace(wanted_of(alert), name="Theirs"))
