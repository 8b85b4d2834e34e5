"""What a replica answered is kept as it was told, and never more."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gateways.agent.envoy.validate import MOST_CHARACTERS
from gateways.agents.acks import LONGEST_REASON, MOST_REASONS
from gateways.models import Ack, Deployment, Gateway, Replica, ResourceStatus
from tests.gateways.replica import SigningReplica

pytestmark = pytest.mark.django_db


@pytest.fixture
def replica() -> SigningReplica:
    replica = SigningReplica()
    Gateway.objects.update(generation=5)
    replica.heartbeat()
    return replica


def resource(name: str, **fields: Any) -> dict[str, Any]:
    return {"namespace": "n", "name": name, "state": "applied", "runningGeneration": 5} | fields


def test_ack_is_kept_with_a_status_per_resource(replica: SigningReplica) -> None:
    refusal = resource("b", state="refused", reason="port 8081 is taken", runningGeneration=4)

    answer = replica.ack(5, resource("a"), refusal)

    assert answer.status_code == 200
    assert Ack.objects.get().applied
    assert Replica.objects.get().generation == 5
    statuses = ResourceStatus.objects.order_by("name").values_list("state", "reason", "running_generation")
    assert list(statuses) == [("applied", "", 5), ("refused", "port 8081 is taken", 4)]
    assert Ack.objects.get().refused == {"b": "port 8081 is taken"}


def test_since_stays_while_the_state_does(replica: SigningReplica) -> None:
    earlier = timezone.now() - timedelta(minutes=5)
    replica.ack(4, resource("a", runningGeneration=4), at=earlier.isoformat())

    replica.ack(5, resource("a"))

    status = ResourceStatus.objects.get()
    assert (status.since, status.generation) == (earlier, 5)


def test_late_answer_about_an_older_snapshot_changes_no_status(replica: SigningReplica) -> None:
    replica.ack(5, resource("a"))

    replica.ack(4, resource("a", state="refused", runningGeneration=4))

    assert ResourceStatus.objects.get().state == "applied"
    assert Replica.objects.get().generation == 5


def test_answer_that_was_held_up_does_not_undo_a_later_one(replica: SigningReplica) -> None:
    """A worker that was frozen writes down what it heard after the replica's heartbeat told better."""
    earlier = timezone.now() - timedelta(seconds=5)
    replica.ack(5, resource("a"))

    replica.ack(5, resource("a", state="refused"), applied=False, at=earlier.isoformat())

    assert ResourceStatus.objects.get().state == "applied"
    assert Ack.objects.get().applied


def test_resource_that_is_gone_has_no_status(replica: SigningReplica) -> None:
    replica.ack(4, resource("a", runningGeneration=4), resource("b", runningGeneration=4))

    replica.ack(5, resource("b"))

    assert ResourceStatus.objects.get().name == "b"


def test_an_answer_about_a_thousand_refused_apis_is_kept(replica: SigningReplica) -> None:
    reason = "\u00e9" * MOST_CHARACTERS
    refused = [resource(f"api-{number}", state="refused", reason=reason) for number in range(1000)]

    assert replica.ack(5, *refused).status_code == 200

    assert ResourceStatus.objects.filter(reason=reason).count() == 1000
    kept = Ack.objects.get().refused
    assert len(kept) == 1000, "each is named"
    assert sum(map(len, kept.values())) == MOST_REASONS * LONGEST_REASON


def test_nothing_runs_a_later_generation_than_the_one_answered(replica: SigningReplica) -> None:
    answer = replica.ack(5, resource("a", runningGeneration=6))

    assert answer.status_code == 400
    assert not Ack.objects.exists()


def test_ack_of_a_generation_that_was_never_sent_is_refused(replica: SigningReplica) -> None:
    assert replica.ack(6, was_deployed=False).status_code == 400
    assert not Ack.objects.exists()


def test_an_answer_to_what_was_never_deployed_is_told_so_and_changes_nothing(replica: SigningReplica) -> None:
    answer = replica.ack(4, resource("a", runningGeneration=4), was_deployed=False)

    assert answer.json() == {"generation": 4, "kept": False}
    assert not Deployment.objects.exists()
    assert not ResourceStatus.objects.exists()
    assert Replica.objects.get().generation == 0
