import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.utils import timezone

from analytics.ingest import ingest
from analytics.models import LogOffset, ResourceWindow, Sample, Stale, TrafficWindow
from apis.changes import instances
from apis.left_gateway import LeftGateway
from gateways.protocol.messages import TrafficBatch
from tests.analytics.traffic import NOW, Shipper, count, resource, sample
from tests.apis.views.pages import make_place, make_saved_api
from tests.factories import make_api, make_gateway
from tests.gateways.replica import SigningReplica

pytestmark = pytest.mark.django_db

TRAFFIC = "/agent/v1/traffic"


def requests() -> int:
    return sum(TrafficWindow.objects.values_list("requests", flat=True))


def post(replica: SigningReplica, batch: TrafficBatch, /, **changes: Any) -> HttpResponse:
    return replica.post(TRAFFIC, json.loads(batch.model_dump_json(by_alias=True)) | changes)


def test_a_batch_becomes_rows_and_moves_the_offset() -> None:
    api = make_api()
    shipper = Shipper(api)

    answer = shipper.ship(count(api, 3), resources=(resource(api, 3),), samples=(sample(api),))

    assert answer == 100
    row = TrafficWindow.objects.get()
    assert (row.api_id, row.requests, str(row.replica_id)) == (api.pk, 3, shipper.replica)
    assert ResourceWindow.objects.get().requests == 3
    assert Sample.objects.get().path == "/orders/1"
    assert LogOffset.objects.get().committed == 100


def test_a_batch_sent_again_changes_nothing() -> None:
    api = make_api()
    shipper = Shipper(api)
    batch = shipper.batch(count(api, 3))

    answers = [ingest(shipper.gateway, batch) for _ in range(3)]

    assert answers == [100, 100, 100]
    assert requests() == 3


@pytest.mark.parametrize("start", [50, 101, 5000])
def test_a_batch_that_does_not_continue_is_answered_with_the_committed_offset(start: int) -> None:
    api = make_api()
    shipper = Shipper(api)
    shipper.ship(count(api))

    answer = ingest(shipper.gateway, shipper.batch(count(api), start=start, end=9000))

    assert answer == 100
    assert requests() == 1


def test_an_empty_batch_asks_for_the_offset() -> None:
    api = make_api()
    shipper = Shipper(api)

    assert ingest(shipper.gateway, shipper.batch(start=0, end=0)) == 0
    shipper.ship(count(api))
    assert ingest(shipper.gateway, shipper.batch(start=0, end=0)) == 100


def test_a_batch_that_runs_backwards_changes_nothing() -> None:
    api = make_api()
    shipper = Shipper(api)
    shipper.ship(count(api))

    assert ingest(shipper.gateway, shipper.batch(count(api), start=100, end=50)) == 100
    assert requests() == 1


def test_what_is_not_of_the_gateways_environment_is_dropped() -> None:
    mine, other = make_api(), make_api()
    shipper = Shipper(mine)
    lies = [
        count(other),
        count(other, namespace=str(mine.environment_id)),
        count(mine, namespace=str(other.environment_id)),
        count(mine, api="apii-99999999"),
        count(mine, api=f"apii-0{mine.pk}"),
        count(mine, api="nonsense"),
    ]

    answer = shipper.ship(
        count(mine),
        *lies,
        resources=(resource(other, namespace=str(mine.environment_id)),),
        samples=(sample(other), sample(mine)),
    )

    assert answer == 100
    assert TrafficWindow.objects.get().api_id == mine.pk
    assert ResourceWindow.objects.count() == 0
    assert Sample.objects.get().api_id == mine.pk
    assert LogOffset.objects.get().shed == {"foreign": 6}


@pytest.mark.parametrize(
    "at", [0, NOW - 86400 * 30, NOW + 86400, 2**60], ids=["the beginning", "a month ago", "tomorrow", "never"]
)
def test_what_is_far_from_now_is_shed(at: int) -> None:
    api = make_api()

    Shipper(api).ship(count(api, 2, at=at), count(api), samples=(sample(api, at=float(at)),))

    assert requests() == 1
    assert Sample.objects.count() == 0
    assert LogOffset.objects.get().shed == {"untimely": 2}


def test_what_an_agent_shed_is_kept() -> None:
    api = make_api()
    shipper = Shipper(api)

    shipper.ship(shed={"malformed": 2})
    shipper.ship(shed={"malformed": 1, "overlong": 1})

    assert LogOffset.objects.get().shed == {"malformed": 3, "overlong": 1}


def test_every_grain_above_is_marked_stale() -> None:
    api = make_api()

    Shipper(api).ship(count(api), count(api, at=NOW - 5))

    assert set(Stale.objects.values_list("grain", flat=True)) == {"minute", "hour", "day"}


def test_the_endpoint_takes_signed_batches_and_answers_the_offset() -> None:
    replica = SigningReplica()
    api = make_api(replica.gateway)
    shipper = Shipper(api)
    shipper.replica = replica.id

    response = post(replica, shipper.batch(count(api, 2)))

    assert response.status_code == 200
    assert json.loads(response.content) == {"committed": 100}
    assert requests() == 2


def test_the_endpoint_refuses_what_it_should() -> None:
    replica = SigningReplica()
    api = make_api(replica.gateway)
    shipper = Shipper(api)
    shipper.replica = replica.id
    batch = shipper.batch(count(api))

    assert post(replica, batch, surprise=1).status_code == 400
    assert post(replica, batch, start=-1).status_code == 400
    assert post(replica, batch, end=2**63).status_code == 400
    assert post(replica, batch, replica="another").status_code == 403
    assert replica.post(TRAFFIC, {}, authorization="Bearer nonsense").status_code == 401
    assert replica.post(TRAFFIC, {"file": "x" * 5_000_000}).status_code == 413
    assert requests() == 0


@pytest.mark.parametrize(
    "told",
    [
        {"requests": 2**63 - 1},
        {"total": {"1": 2**63 - 1}},
        {"receivedBytes": 2**63 - 1},
        {"sentBytes": 2**51},
    ],
)
def test_more_than_ten_seconds_can_have_is_refused(told: dict[str, Any]) -> None:
    """Two such rows of a gateway once had no sum that a column holds, and nobody's traffic was rolled up."""
    replica = SigningReplica()
    api = make_api(replica.gateway)
    shipper = Shipper(api)
    shipper.replica = replica.id
    batch = shipper.batch(count(api))
    row = json.loads(batch.counts[0].model_dump_json(by_alias=True)) | told

    assert post(replica, batch, counts=[row]).status_code == 400


def test_reasons_for_which_lines_were_shed_are_bounded() -> None:
    shipper = Shipper(make_api())
    for number in range(60):
        shipper.ship(shed={f"reason {number}": 2})

    shed = LogOffset.objects.get().shed
    assert (len(shed), shed["other"]) == (51, 20)


def test_another_gateway_cannot_move_this_ones_offset() -> None:
    api, other = make_api(), make_api()
    mine, liar = Shipper(api), Shipper(other)
    liar.replica = mine.replica
    mine.ship(count(api))

    liar.ship(end=10**9)

    assert mine.ship(count(api)) == 200
    assert requests() == 2


@pytest.mark.django_db(transaction=True)
def test_copies_of_a_batch_that_arrive_together_count_once() -> None:
    api = make_api()
    shipper = Shipper(api)
    batch = shipper.batch(count(api, 3))
    answers = []

    def send() -> None:
        answers.append(ingest(shipper.gateway, batch))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [100] * 6
    assert requests() == 3


def test_what_is_of_another_gateway_of_the_environment_is_dropped() -> None:
    mine = make_api()
    neighbour = make_api(make_gateway(environment=mine.environment))
    shipper = Shipper(mine)

    shipper.ship(
        count(mine), count(neighbour, 7), resources=(resource(neighbour),), samples=(sample(neighbour),)
    )

    assert TrafficWindow.objects.get().api_id == mine.pk
    assert (ResourceWindow.objects.count(), Sample.objects.count()) == (0, 0)
    assert LogOffset.objects.get().shed == {"foreign": 7}


def test_late_traffic_of_an_api_that_moved_is_counted() -> None:
    place = make_place()
    api = make_saved_api(place, deploy=True)
    shipper = Shipper(api)

    instances.deploy_api(place.user, api, make_gateway(environment=place.environment))
    shipper.ship(count(api, 2), count(api, 5, at=NOW - 60))

    assert requests() == 7
    assert LogOffset.objects.get().shed == {}


def test_gateway_that_an_api_left_long_ago_tells_nothing_new_of_it() -> None:
    place = make_place()
    api = make_saved_api(place, deploy=True)
    shipper = Shipper(api)
    instances.deploy_api(place.user, api, make_gateway(environment=place.environment))
    LeftGateway.objects.update(left_at=timezone.now() - timedelta(days=1, hours=2))

    shipper.ship(count(api, 2), count(api, 5, at=NOW - 4 * 3600))

    assert requests() == 5
    assert LogOffset.objects.get().shed == {"foreign": 2}


def test_deleted_api_has_no_traffic() -> None:
    api = make_api()
    shipper = Shipper(api)
    batch = shipper.batch(count(api, 3))
    api.delete()

    ingest(shipper.gateway, batch)

    assert requests() == 0
    assert LogOffset.objects.get().shed == {"foreign": 3}


def test_gateway_speaks_for_no_replica_of_another() -> None:
    other = SigningReplica()
    other.heartbeat()
    liar = SigningReplica()
    liar.id = other.id
    shipper = Shipper(make_api(liar.gateway))
    shipper.replica = other.id

    response = post(liar, shipper.batch(count(make_api(liar.gateway))))

    assert response.status_code == 403
    assert requests() == 0
