"""What the console says of an API: what was acknowledged, and nothing more."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apis.changes import bookkeeping
from apis.deployment import outcomes, status, status_counts
from apis.deployment.status import StatusFacts
from apis.deployment.status_counts import STATES
from apis.models import ApiInstance
from gateways.models import Ack, Gateway, ResourceStatus
from tests.apis.deployment.states import states_in_lists
from tests.factories import make_api, make_gateway
from tests.gateways.replica import SigningReplica

pytestmark = pytest.mark.django_db


@pytest.fixture
def replica() -> SigningReplica:
    return SigningReplica()


@pytest.fixture
def api(replica: SigningReplica) -> ApiInstance:
    api = make_api(replica.gateway, deployed_at=timezone.now())
    bookkeeping.bump(api, replica.gateway)
    return api


def told(api: ApiInstance, state: str = "applied", **fields: Any) -> dict[str, Any]:
    found = {"namespace": str(api.environment_id), "name": api.resource_name, "state": state}
    return found | {"runningGeneration": 1 if state == "applied" else None} | fields


def state(api: ApiInstance) -> tuple[str, str]:
    """As the API's page tells it; lists and the overview, which ask for all at once, must agree."""
    found = status.status_of(ApiInstance.objects.get(pk=api.pk))
    assert states_in_lists(api) == [found.state]
    assert status_counts.counts(api.environment)[found.state]
    return found.state, found.words


def other_replica(replica: SigningReplica) -> SigningReplica:
    return SigningReplica(keys=replica.keys, gateway=replica.gateway)


def test_without_a_replica_it_waits(api: ApiInstance) -> None:
    assert state(api) == ("Applying", "Waiting for a replica: the gateway is Disconnected")


def test_it_is_active_only_once_acknowledged(api: ApiInstance, replica: SigningReplica) -> None:
    replica.heartbeat()
    assert state(api) == ("Applying", "Waiting for box-1 to answer")

    replica.ack(1, told(api))

    assert state(api) == ("Active", "Active")
    [one] = status.statuses(api)
    assert (one.state, one.wanted_generation, one.running_generation) == ("applied", 1, 1)


def test_a_refusal_is_told_in_the_gateways_words(api: ApiInstance, replica: SigningReplica) -> None:
    replica.heartbeat()

    replica.ack(1, told(api, "refused", reason="port 8081 is in use by another process"))

    assert state(api) == ("Failed", "Refused by box-1: port 8081 is in use by another process")


def test_an_api_that_a_gateway_mentions_is_called_by_its_name(
    api: ApiInstance, replica: SigningReplica
) -> None:
    other = make_api(replica.gateway)
    replica.heartbeat()

    reason = f"apii-{other.pk}, which it is deployed together with, is refused; apii-9{other.pk}, no-apii-1"
    replica.ack(1, told(api, "refused", reason=reason))

    words = f"{other}, which it is deployed together with, is refused; apii-9{other.pk}, no-apii-1"
    assert state(api)[1] == f"Refused by box-1: {words}"
    [of_it] = outcomes.each(api, replica.gateway.deployments.all(), [])
    assert [one.reason for one in of_it.replicas] == [words]


def test_what_keeps_serving_is_told(api: ApiInstance, replica: SigningReplica) -> None:
    replica.heartbeat()
    replica.ack(1, told(api))
    bookkeeping.bump(api, replica.gateway)

    replica.ack(2, told(api, "refused", reason="no such policy", runningGeneration=1))

    assert state(api)[1] == "Refused by box-1: no such policy; generation 1 keeps serving"


def test_a_snapshot_refused_as_a_whole_is_a_refusal(api: ApiInstance, replica: SigningReplica) -> None:
    replica.heartbeat()

    replica.ack(1, applied=False, reason="Envoy did not start")

    assert state(api) == ("Failed", "Refused by box-1: Envoy did not start")


def test_an_old_answer_does_not_speak_of_a_new_change(api: ApiInstance, replica: SigningReplica) -> None:
    replica.heartbeat()
    replica.ack(1, told(api))

    bookkeeping.bump(api, replica.gateway)

    assert state(api)[0] == "Applying"


def test_a_change_is_not_applied_since_before_it_was_made(api: ApiInstance, replica: SigningReplica) -> None:
    replica.heartbeat()
    replica.ack(1, told(api))
    ResourceStatus.objects.update(since=timezone.now() - timedelta(hours=1))

    bookkeeping.bump(api, replica.gateway)
    replica.ack(2, told(api, runningGeneration=2))

    api.refresh_from_db()
    [one] = status.statuses(api)
    assert api.changed_at <= one.since == Ack.objects.get(deployment__generation=2).at


@pytest.mark.parametrize("answer", ["applied", "refused"])
def test_what_came_while_the_gateway_was_away_is_answered_when_it_is_back(
    api: ApiInstance, replica: SigningReplica, answer: str
) -> None:
    replica.heartbeat()
    said = told(api, answer, runningGeneration=1)
    replica.ack(1, said)
    bookkeeping.bump(api, replica.gateway)
    hours = [timezone.now() - timedelta(hours=back) for back in (9, 5, 3, 2)]
    before, saved, back, again = hours
    ResourceStatus.objects.update(since=before)
    ApiInstance.objects.update(changed_at=saved)

    for at in (back, again):  # it answers again where another API of it fares otherwise
        replica.ack(2, said, at=at.isoformat())
    bookkeeping.bump(make_api(replica.gateway), replica.gateway)
    replica.ack(3, said)

    found = ApiInstance.objects.get(pk=api.pk)
    assert [(one.state, one.since) for one in status.statuses(found)] == [(answer, back)]
    assert status.run_of(found) == (status.status_of(found), status.statuses(found))


def test_a_neighbours_change_does_not_flicker(api: ApiInstance, replica: SigningReplica) -> None:
    replica.heartbeat()
    replica.ack(1, told(api))

    bookkeeping.bump(make_api(replica.gateway), replica.gateway)

    assert state(api)[0] == "Active"


def test_one_of_two_replicas_is_partly_applied(api: ApiInstance, replica: SigningReplica) -> None:
    second = other_replica(replica)
    replica.heartbeat()
    second.heartbeat()

    replica.ack(1, told(api))
    assert state(api) == ("Partly applied", "Applied on 1 of 2 replicas")
    second.ack(1, told(api))

    assert state(api)[0] == "Active"


def test_a_replica_that_went_silent_still_counts(api: ApiInstance, replica: SigningReplica) -> None:
    second = other_replica(replica)
    for one in (replica, second):
        one.heartbeat()
        one.ack(1, told(api))

    replica.gateway.replicas.filter(pk=second.id).update(
        name="box-2", last_heartbeat_at=timezone.now() - timedelta(minutes=5)
    )
    assert state(api) == ("Partly applied", "Applied on 1 of 2 replicas; box-2 is silent")
    assert [one.state for one in status.statuses(api)] == ["applied", "silent"]
    second.heartbeat()

    assert state(api)[0] == "Active"


def test_a_replica_that_said_goodbye_no_longer_counts(api: ApiInstance, replica: SigningReplica) -> None:
    second = other_replica(replica)
    for one in (replica, second):
        one.heartbeat()
        one.ack(1, told(api))

    second.heartbeat(state="stopped")

    assert state(api)[0] == "Active"


def test_without_a_live_replica_it_is_inactive(api: ApiInstance, replica: SigningReplica) -> None:
    replica.heartbeat()
    replica.ack(1, told(api))

    replica.gateway.replicas.update(last_heartbeat_at=timezone.now() - timedelta(minutes=5))

    assert state(api) == ("Inactive", "Waiting for a replica: the gateway is Disconnected")


def test_an_undeployed_api_is_told_until_it_is_gone(api: ApiInstance, replica: SigningReplica) -> None:
    replica.heartbeat()
    replica.ack(1, told(api))
    ApiInstance.objects.update(is_deployed=False)
    Gateway.objects.update(generation=2)

    assert state(api) == ("Applying", "Being removed from box-1")
    replica.ack(2)

    assert state(api) == ("Not deployed", "Not deployed")


def test_an_api_that_never_ran_is_unregistered() -> None:
    assert state(make_api(make_gateway(), is_deployed=False))[0] == "Unregistered"


def test_a_list_of_statuses_takes_three_queries(
    replica: SigningReplica, django_assert_num_queries: Any
) -> None:
    apis = [make_api(replica.gateway) for _ in range(10)]
    replica.heartbeat()

    with django_assert_num_queries(3):
        found = status.statuses_of(apis)

    assert len(found) == 10


def test_what_another_gateway_said_does_not_count(api: ApiInstance, replica: SigningReplica) -> None:
    replica.heartbeat()
    replica.ack(1, told(api))

    api.gateway = make_gateway(environment=api.environment)
    api.save()

    waiting = ("Applying", "Waiting for a replica: the gateway is Disconnected")
    assert state(api) == waiting
    neighbour = make_api(replica.gateway)
    assert status.statuses_of([api, neighbour])[api.pk].state == waiting[0]


def test_a_refused_answer_of_a_replica_that_went_silent_is_not_a_refusal(
    api: ApiInstance, replica: SigningReplica
) -> None:
    second = other_replica(replica)
    for one in (replica, second):
        one.heartbeat()
    second.ack(1, told(api, "refused", reason="no such policy"))

    replica.gateway.replicas.filter(pk=second.id).update(
        last_heartbeat_at=timezone.now() - timedelta(minutes=5)
    )

    assert state(api)[0] == "Applying"


def test_whatever_is_known_of_an_api_its_place_among_others_is_its_states() -> None:
    yes_or_no, counts = (False, True), range(3)
    known = [StatusFacts(*one) for one in product(*3 * [yes_or_no], *5 * [counts])]
    columns = ", ".join(StatusFacts._fields)
    rows = ", ".join(str(tuple(one)).lower() for one in known)

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns}, {status_counts.PLACE} FROM (VALUES {rows}) AS facts ({columns})")
        found = {StatusFacts(*facts): place for *facts, place in cursor.fetchall()}

    assert found == {one: STATES.index(one.state) for one in known}


def test_states_are_counted_in_one_query(
    api: ApiInstance, replica: SigningReplica, django_assert_num_queries: Any
) -> None:
    make_api(make_gateway(environment=api.environment), is_deployed=False)
    elsewhere = make_gateway()
    make_api(elsewhere)
    replica.heartbeat()
    replica.ack(1, told(api))

    with django_assert_num_queries(1):
        found = status_counts.counts(api.environment)

    assert found == {"Active": 1, "Unregistered": 1}
