"""Which APIs are meant where many are changed at once."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apis.bulk import choosing, running
from apis.bulk.models import MOST_APIS, BulkChange, BulkItem
from apis.models import ApiInstance
from console.models import Role
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.apis.views.test_bulk import asked, begin, choose  # noqa: F401 - a fixture
from tests.factories import make_environment, make_gateway

pytestmark = pytest.mark.django_db


def test_all_of_a_search_are_meant_and_no_others(place: Place) -> None:
    for number in range(30):
        make_saved_api(place, f"Row{number}", tags=["eu"] if number % 2 else [])
    make_saved_api(make_place(), "Theirs", tags=["eu"])

    change = choose(place, "deprecate", all="1", tag="eu")

    named = {str(one) for one in ApiInstance.objects.filter(tags=["eu"], environment=place.environment)}
    assert len(named) == 15 and set(change.items.values_list("name", flat=True)) == named
    assert "15 APIs" in text(place.client.get(change.get_absolute_url()))
    unregistered = choose(place, "deprecate", all="1", status="Unregistered", sort="-requests")
    assert unregistered.items.count() == 30


def noting(caught: CaptureQueriesContext) -> int:
    """How long the statement is that notes which APIs are meant."""
    [found] = [one["sql"] for one in caught if "INSERT INTO bulk_bulkitem" in one["sql"]]
    return len(found)


def test_however_many_are_meant_their_ids_stay_in_the_database(place: Place) -> None:
    make_saved_api(place, "Alone")
    with CaptureQueriesContext(connection) as caught:
        change = choose(place, "deprecate", all="1")
    alone = noting(caught)
    for number in range(20):
        make_saved_api(place, f"Row{number}")

    with CaptureQueriesContext(connection) as caught:
        more = choose(place, "deprecate", all="1")

    assert (change.items.count(), more.items.count()) == (1, 21)
    assert noting(caught) == alone


def test_the_progress_of_many_is_asked_for_as_that_of_one(place: Place) -> None:
    orders = make_saved_api(place)
    few, many = choose(place, "tag", orders), choose(place, "tag", orders, make_saved_api(place, "Payments"))
    begin(place, few, tags="eu")
    begin(place, many, tags="eu")
    page = text(place.client.get(many.get_absolute_url()))

    with CaptureQueriesContext(connection) as caught:
        place.client.get(few.get_absolute_url())
    asked_for_one = len(caught)
    with CaptureQueriesContext(connection) as caught:
        place.client.get(many.get_absolute_url())

    assert "0 of 2 tried" in page
    assert len(caught) == asked_for_one


def test_what_one_chose_before_and_never_began_goes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    api, manager = make_saved_api(place), make_place(Role.Name.MANAGER, place.environment)
    monkeypatch.setattr(choosing, "MOST_ASKED", 1)
    theirs = choose(manager, "tag", api)
    begun = choose(place, "tag", api)
    begin(place, begun, tags="eu")

    first, second, third = (choose(place, "tag", api) for _ in range(3))

    assert set(BulkChange.objects.values_list("pk", flat=True)) == {
        one.pk for one in (theirs, begun, second, third)
    }
    running.tend()
    assert set(BulkChange.objects.values_list("pk", flat=True)) == {theirs.pk, begun.pk, third.pk}
    assert BulkItem.objects.count() == 3 and not first.items.exists()
    choosing.forget(BulkChange.objects.values_list("pk", flat=True))
    assert BulkChange.objects.get() == begun


def test_apis_of_others_cannot_be_chosen(place: Place) -> None:
    theirs = make_saved_api(make_place(), "Theirs")
    ours = make_saved_api(place)

    assert [one.api_key for one in choose(place, "deprecate", ours, theirs).items.all()] == [ours.pk]
    for sent in (
        {"action": "deprecate", "api": [theirs.pk, "x", "9" * 30]},
        {"action": "nonsense", "api": [ours.pk]},
    ):
        told = sent | {"environment": str(place.environment.pk)}
        assert place.client.post("/apis/bulk", told)["Location"].startswith("/apis?")


def test_all_that_match_are_never_those_of_where_another_tab_went(place: Place) -> None:
    make_saved_api(place)
    other = make_environment(place.environment.organization)
    assert f'name="environment" value="{place.environment.pk}"' in text(place.client.get("/apis"))
    place.client.post("/scope", {"environment": str(other.pk)})
    make_saved_api(Place(place.user, other, make_gateway(other), place.client), "Theirs")

    sent = {"action": "delete", "all": "1", "environment": str(place.environment.pk)}
    page = place.client.post("/apis/bulk", sent, follow=True)

    assert f"You work in {other} meanwhile" in text(page)
    assert not BulkChange.objects.exists()


def test_more_than_can_be_changed_at_once_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "MOST_APIS", 1)
    assert MOST_APIS == 10_000

    answer = place.client.post(
        "/apis/bulk",
        {
            "action": "deprecate",
            "api": [make_saved_api(place, name).pk for name in ("A", "B")],
            "environment": str(place.environment.pk),
        },
        follow=True,
    )

    assert "At most 1 APIs can be changed at once" in text(answer)


def test_what_is_over_for_good_is_counted_once(place: Place) -> None:
    change = choose(place, "tag", make_saved_api(place, tags=["eu"]), make_saved_api(place, "Payments"))
    begin(place, change, tags="eu")
    running.work(str(change.pk))
    running.tend()
    assert "1 done, 1 with nothing to do" in text(place.client.get("/apis/bulk"))
    change.refresh_from_db()
    assert change.counted is None

    BulkChange.objects.update(ended_at=timezone.now() - 2 * BulkChange.COUNTED_AFTER)
    running.tend()

    with CaptureQueriesContext(connection) as caught:
        assert "1 done, 1 with nothing to do" in text(place.client.get("/apis/bulk"))
    assert not [one for one in caught if "bulk_bulkitem" in one["sql"]]
