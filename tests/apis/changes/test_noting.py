"""A change of very many APIs: the request raises their gateways' generations, a worker notes the rest, and
whatever happens in between, what is noted is what was.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from apis.brought_to_many import BroughtToMany
from apis.changes import automated, bookkeeping, instances, noting
from apis.deployment import brought, kept, status
from apis.models import ApiInstance
from apis.revision import Brought
from console.models import AuditEntry, Role
from gateways.models import ResourceStatus
from tests.apis.deployment.states import states_in_lists
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import for_long, make_automated, make_gateway

pytestmark = pytest.mark.django_db
BATCHES = 3


@pytest.fixture
def place() -> Place:
    return make_place(Role.Name.ADMINISTRATOR)


@pytest.fixture
def api(place: Place) -> ApiInstance:
    return make_saved_api(place, deploy=True)


@pytest.fixture(autouse=True)
def many(place: Place, api: ApiInstance) -> list[ApiInstance]:
    """So many that a worker notes what a change is to each, on gateways for several batches."""
    gateways = [make_gateway(place.environment) for _ in range((BATCHES - 1) * noting.GATEWAYS_AT_ONCE)]
    return ApiInstance.objects.bulk_create(
        ApiInstance(
            environment=place.environment,
            asset=api.asset,
            gateway=gateways[number % len(gateways)],
            base_path=f"/{number}",
            label=str(number),
            is_deployed=True,
            deployed_at=timezone.now(),
        )
        for number in range(bookkeeping.NOTED_AT_ONCE)
    )


def fresh(api: ApiInstance) -> ApiInstance:
    return ApiInstance.objects.select_related("asset", "gateway", "environment__organization").get(pk=api.pk)


def disabled(place: Place) -> AuditEntry:
    """An automated policy of all of them is disabled: the entry that tells it."""
    automated.set_disabled(place.user, make_automated(place.environment), True)
    return AuditEntry.objects.latest("pk")


def work() -> None:
    for row in BroughtToMany.objects.all():
        noting.work(row.pk)


def state(api: ApiInstance) -> str:
    found = status.status_of(fresh(api)).state
    assert states_in_lists(api) == [found]
    assert status.statuses_of([fresh(api)])[api.pk].state == found
    return found


def answers(api: ApiInstance) -> None:
    """The gateway's replica runs what is wanted now."""
    assert api.gateway
    api.gateway.refresh_from_db()
    ResourceStatus.objects.update_or_create(
        replica=api.gateway.replicas.get(),
        namespace=str(api.environment_id),
        name=api.resource_name,
        defaults={
            "state": ResourceStatus.State.APPLIED,
            "since": timezone.now(),
            "generation": api.gateway.generation,
            "running_generation": api.gateway.generation,
        },
    )


def test_the_request_raises_generations_and_a_worker_notes_each_api(place: Place, api: ApiInstance) -> None:
    before = Brought.objects.count()

    entry = disabled(place)

    row = BroughtToMany.objects.get()
    assert (row.entry, row.api_count, row.noted_count) == (entry, bookkeeping.NOTED_AT_ONCE + 1, 0)
    assert Brought.objects.count() == before
    assert fresh(api).gateway.generation == fresh(api).changed_generation + 1  # type: ignore[union-attr]
    work()
    assert not BroughtToMany.objects.exists()
    noted = Brought.objects.filter(entry=entry, at=row.at)
    assert noted.count() == noted.values("api").distinct().count() == bookkeeping.NOTED_AT_ONCE + 1
    for one in ApiInstance.objects.select_related("gateway"):
        assert one.gateway and one.changed_generation == one.gateway.generation
        assert (one.changed_at, one.gateway.noting_generation) == (row.at, 0)
    assert fresh(api).revision_generation == fresh(api).changed_generation
    own = noted.get(api=api)
    assert own.revision_id == own.replaced_id == api.revision_id


def test_what_a_worker_began_another_goes_on_with_and_nothing_is_noted_twice(place: Place) -> None:
    entry = disabled(place)
    pk = BroughtToMany.objects.get().pk

    assert noting._some(pk)
    row = BroughtToMany.objects.get()
    assert len(row.left) == 1 + (BATCHES - 2) * noting.GATEWAYS_AT_ONCE
    assert row.noted_count == Brought.objects.filter(entry=entry).count() > 0
    noting.work(pk)
    noting.work(pk)

    assert Brought.objects.filter(entry=entry).count() == bookkeeping.NOTED_AT_ONCE + 1


def test_it_is_active_only_once_the_gateway_answered(place: Place, api: ApiInstance) -> None:
    place.gateway.replicas.update(last_heartbeat_at=for_long())
    answers(api)
    assert state(api) == "Active"

    disabled(place)
    assert state(api) == "Applying"
    work()
    assert state(api) == "Applying"
    answers(api)
    assert state(api) == "Active"


def test_a_replica_that_answers_before_it_is_noted_counts(place: Place, api: ApiInstance) -> None:
    place.gateway.replicas.update(last_heartbeat_at=for_long())
    disabled(place)

    answers(api)

    assert state(api) == "Active"
    work()
    assert state(api) == "Active"


def test_an_api_that_changed_meanwhile_keeps_that_and_its_history_is_in_order(
    place: Place, api: ApiInstance
) -> None:
    ran = api.revision_id
    entry = disabled(place)
    BroughtToMany.objects.update(at=timezone.now() - timedelta(minutes=1))  # a transaction before
    instances.edit_api(place.user, api, lambda desired: replace(desired, base_path="/later"))
    now = fresh(api)

    work()

    assert fresh(api).changed_generation == now.changed_generation
    assert (fresh(api).changed_at, fresh(api).revision_id) == (now.changed_at, now.revision_id)
    rows = list(Brought.objects.filter(api=api).order_by("generation"))
    assert [one.revision_id for one in rows][-2:] == [ran, now.revision_id]
    assert rows[-2].entry == entry and rows[-2].replaced_id == ran
    assert brought.unsent(fresh(api))[1].entry == entry
    assert [one.pk for one in kept.revisions(fresh(api))] == [now.revision_id, ran]


def test_an_api_that_was_taken_off_meanwhile_stays_off(place: Place, api: ApiInstance) -> None:
    ran = api.revision_id
    entry = disabled(place)
    instances.undeploy_api(place.user, api)
    now = fresh(api)

    work()

    assert (fresh(api).changed_generation, fresh(api).is_deployed) == (now.changed_generation, False)
    assert Brought.objects.get(api=api, entry=entry).revision_id == ran
    assert Brought.objects.filter(api=api).latest("generation").revision_id is None


def test_an_api_that_was_moved_meanwhile_is_noted_where_it_was(place: Place, api: ApiInstance) -> None:
    ran, other = api.revision_id, make_gateway(place.environment)
    entry = disabled(place)
    instances.edit_api(place.user, api, lambda desired: replace(desired, gateway=other))
    now = fresh(api)

    work()

    noted = Brought.objects.get(api=api, entry=entry)
    assert (noted.gateway, noted.revision_id) == (place.gateway, ran)
    assert (fresh(api).gateway, fresh(api).changed_generation) == (other, now.changed_generation)


def test_what_was_deleted_meanwhile_costs_nothing_else(
    place: Place, api: ApiInstance, many: list[ApiInstance]
) -> None:
    disabled(place)
    instances.delete_api(place.user, api)
    gone = many[0].gateway
    ApiInstance.objects.filter(gateway=gone).delete()
    assert gone
    gone.delete()

    work()

    assert not BroughtToMany.objects.exists()
    assert fresh(many[1]).changed_generation == 1


def test_two_changes_may_be_noted_in_any_order(place: Place, api: ApiInstance) -> None:
    first, second = disabled(place), disabled(place)

    for row in BroughtToMany.objects.order_by("-pk"):
        noting.work(row.pk)

    rows = Brought.objects.filter(api=api, entry__in=[first, second]).order_by("generation")
    assert [one.entry for one in rows] == [first, second]
    assert {one.revision_id for one in rows} == {api.revision_id}
    assert fresh(api).changed_generation == rows[1].generation
    assert fresh(api).gateway.noting_generation == 0  # type: ignore[union-attr]


def shown(place: Place, page: str) -> str:
    return text(place.client.get(page))


def test_pages_say_how_far_it_is(place: Place) -> None:
    disabled(place)
    pk = BroughtToMany.objects.get().pk
    policy = place.environment.automated_policies.get().pk
    noting._some(pk)
    noted = BroughtToMany.objects.get().noted_count

    for page in ("/apis/automated", f"/apis/automated/{policy}"):
        assert f"noted of {noted} of 201 APIs" in shown(place, page)
    noting.work(pk)
    for page in ("/apis/automated", f"/apis/automated/{policy}"):
        assert "noted of" not in shown(place, page)
