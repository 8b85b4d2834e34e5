"""Many APIs deployed at once where changes are reviewed: each is looked at before."""

import pytest

from apis.bulk import running
from console.models import AuditEntry, Environment
from tests.apis.views.pages import Place, allow, make_saved_api, text
from tests.apis.views.test_bulk import asked, begin, choose, fresh, looked_at
from tests.factories import make_api

pytestmark = pytest.mark.django_db
__all__ = ["asked"]


def reviewed(place: Place) -> None:
    place.environment.deploys = Environment.Deploys.REVIEW
    place.environment.save()


def test_where_changes_are_reviewed_each_is_looked_at_before(place: Place) -> None:
    reviewed(place)
    orders, paid = make_saved_api(place, deploy=True), make_saved_api(place, "Payments")
    allow(place, orders)
    change = choose(place, "deploy", orders, paid)
    page = text(place.client.get(f"/apis/bulk/{change.pk}"))

    assert "IP Allowlist" in page
    assert "not deployed, all of it is new" in page
    begin(place, change, **looked_at(place, change), comment="CR-7")
    running.work(str(change.pk))

    assert fresh(orders).pending_since is None
    assert fresh(paid).is_deployed
    for api in (orders, paid):
        assert AuditEntry.objects.about("apiinstance", [api.pk])[0].diff["comment"] == [None, "CR-7"]


def test_what_nobody_looked_at_and_what_changed_since_is_not_deployed(place: Place) -> None:
    reviewed(place)
    orders, paid = make_saved_api(place, deploy=True), make_saved_api(place, "Payments")
    homeless = make_saved_api(place, "Homeless", gateway=None)
    allow(place, orders)
    change = choose(place, "deploy", orders, paid, homeless)
    seen = looked_at(place, change)
    allow(place, orders, "10.0.0.2")
    allow(place, homeless)
    del seen[f"seen-{paid.pk}"]

    begin(place, change, **seen, gateway=str(place.gateway.pk))
    running.work(str(change.pk))

    told = {one.name.split()[0]: (one.state, one.words) for one in change.items.all()}
    again = "It was changed after you looked at it; choose it once more, and look again."
    assert told == dict.fromkeys(("Orders", "Payments", "Homeless"), ("failed", again))
    assert fresh(orders).pending_since is not None
    assert not fresh(paid).is_deployed


def test_more_than_somebody_can_look_at_are_not_begun(place: Place) -> None:
    reviewed(place)
    change = choose(place, "deploy", *(make_api(place.gateway, is_deployed=False) for _ in range(101)))

    answer = begin(place, change, **looked_at(place, change))

    assert "100 APIs at most" in text(answer)
    change.refresh_from_db()
    assert change.state == "asked"
