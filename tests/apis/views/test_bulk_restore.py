"""Many APIs that were deleted together come back together."""

import pytest

from apis.bulk import running
from apis.bulk.models import BulkChange
from apis.changes import removal
from apis.changes.instances import delete_api
from apis.removed import Removed
from tests.apis.views.pages import Place, make_saved_api, text
from tests.apis.views.test_bulk import asked, begin, choose, fresh  # noqa: F401 - a fixture
from tests.console.test_together import meanwhile

pytestmark = pytest.mark.django_db


def test_what_was_deleted_together_comes_back_together_and_each_tells_why_not(place: Place) -> None:
    orders, paid, stock = (
        make_saved_api(place, name, deploy=True) for name in ("Orders", "Payments", "Stock")
    )
    change = choose(place, "delete", orders, paid, stock)
    assert "kept for 30 days" in text(place.client.get(f"/apis/bulk/{change.pk}"))
    begin(place, change, confirm="delete 3")
    running.work(str(change.pk))
    removal.restore_api(place.user, Removed.objects.get(api_id=stock.pk))
    assert f"/apis/bulk/{change.pk}/restore" in text(place.client.get(f"/apis/bulk/{change.pk}"))

    place.client.post(f"/apis/bulk/{change.pk}/restore")
    back = BulkChange.objects.get(action="restore")
    removal.restore_api(place.user, Removed.objects.get(api_id=paid.pk))
    running.work(str(back.pk))

    assert {one.name.split()[0]: (one.state, one.words) for one in back.items.all()} == {
        "Orders": ("done", f"It is back, and goes to {place.gateway}."),
        "Payments": ("unchanged", "It was restored meanwhile, or is no longer kept."),
    }
    assert fresh(orders).is_deployed
    again = place.client.post(f"/apis/bulk/{change.pk}/restore", follow=True)
    assert "restored meanwhile, or are no longer kept" in text(again)


def test_a_base_path_that_was_taken_keeps_one_of_many_from_coming_back(place: Place) -> None:
    orders = make_saved_api(place, deploy=True)
    change = choose(place, "delete", orders)
    begin(place, change, confirm="delete 1")
    running.work(str(change.pk))
    make_saved_api(place, "Other", base_path="/orders", deploy=True)

    place.client.post(f"/apis/bulk/{change.pk}/restore")
    back = BulkChange.objects.get(action="restore")
    running.work(str(back.pk))

    [item] = back.items.all()
    assert (item.state, "/orders" in item.words) == ("failed", True)


@pytest.mark.django_db(transaction=True)
def test_one_that_another_deletes_at_that_moment_is_not_said_to_have_failed(place: Place) -> None:
    orders = make_saved_api(place)
    change = choose(place, "tag", orders)
    begin(place, change, tags="eu")

    with meanwhile(lambda: delete_api(place.user, fresh(orders))):
        running.work(str(change.pk))

    [item] = change.items.all()
    assert (item.state, item.words) == ("unchanged", "It was deleted meanwhile.")
