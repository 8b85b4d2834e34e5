"""An outbound policy applied to the upstreams of many APIs."""

import pytest

from apis.changes.policies import apply_policy
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.apis.views.test_bulk import asked, choose, done

pytestmark = pytest.mark.django_db
__all__ = ["asked"]


@pytest.fixture
def place() -> Place:
    return make_place()


def test_an_outbound_policy_is_applied_to_upstreams_that_have_it_not(place: Place) -> None:
    orders, stock, paid = (make_saved_api(place, name) for name in ("Orders", "Stock", "Paid"))
    second = stock.upstreams.create(uri="http://second.example")
    own = [one.pk for one in stock.upstreams.all()]
    for api, upstreams in ((stock, [second.pk]), (paid, [one.pk for one in paid.upstreams.all()])):
        apply_policy(place.user, api, "idle-timeout", {"timeout": 5}, upstreams=upstreams)
    change = choose(place, "policy", orders, stock, paid)
    assert f"/apis/bulk/{change.pk}?policy=idle-timeout" in text(
        place.client.get(f"/apis/bulk/{change.pk}/policy")
    )

    found = done(place, "policy", orders, stock, paid, policy="idle-timeout", **{"config.timeout": "9"})

    assert found["Orders"] == ("done", "Upstream Idle Timeout is applied.")
    assert found["Paid"][0] == "unchanged"
    sides = {api.pk: [set(one.upstreams) for one in api.policies.outbound()] for api in (orders, stock, paid)}
    assert sides[orders.pk] == [{one.pk for one in orders.upstreams.all()}]
    assert sides[stock.pk] == [{second.pk}, {pk for pk in own if pk != second.pk}]
    assert len(sides[paid.pk]) == 1
