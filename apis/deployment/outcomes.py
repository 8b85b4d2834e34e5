"""What became of a deployment on each replica: as far as one API is concerned, and in the replica's words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from apis.deployment import in_words
from apis.deployment.status import ReplicaStatus
from apis.models import ApiInstance
from gateways.models import Ack, Deployment

State = Literal["applied", "refused", "waiting", "silent"]


@dataclass(frozen=True)
class Outcome:
    replica: str
    state: State
    reason: str = ""
    duration_ms: int | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Outcomes:
    """`is_newest` says that it brought the API's last change to the gateway that it is on."""

    replicas: Sequence[Outcome]
    is_newest: bool

    def count(self, state: State) -> int:
        return sum(one.state == state for one in self.replicas)

    @property
    def refused(self) -> list[Outcome]:
        return [one for one in self.replicas if one.state == "refused"]

    @property
    def is_awaited(self) -> bool:
        return any(one.state == "waiting" for one in self.replicas)

    @property
    def tone(self) -> str:
        if not self.replicas:
            return "busy" if self.is_newest else "off"
        if self.refused:
            return "warn" if self.count("applied") else "bad"
        if self.is_awaited:
            return "busy"
        return "ok" if self.count("applied") == len(self.replicas) else "warn"

    @property
    def words(self) -> str:
        total = len(self.replicas)
        if not total:
            return "Not heard of yet" if self.is_newest else "Superseded before any replica took it"
        if count := self.count("refused"):
            return f"Refused by {count} of {total}"
        if count := self.count("waiting"):
            return f"Waiting for {count} of {total}"
        count = self.count("silent")
        return f"Silent: {count} of {total}" if count else f"Applied on {total}"


def each(
    api: ApiInstance, deployments: Iterable[Deployment], running: Iterable[ReplicaStatus]
) -> list[Outcomes]:
    """`running` is where the API stands on its gateway now; the deployments' acks are prefetched.

    What an API was refused for is told by answers alone that came since releases keep it.
    """
    deployments, running = list(deployments), list(running)
    names = in_words.names_in(_reason(api, ack) for one in deployments for ack in one.acks.all())
    return [_of(api, one, running, names) for one in deployments]


def _of(
    api: ApiInstance, deployment: Deployment, running: Iterable[ReplicaStatus], names: in_words.Names
) -> Outcomes:
    on_it = deployment.gateway_id == api.gateway_id
    is_newest = on_it and deployment.generation >= api.changed_generation
    found = {ack.replica_id: _of_ack(api, ack, names) for ack in deployment.acks.all()}
    for one in running if is_newest else ():
        said = found.get(one.replica.pk)
        if said and one.state == "waiting":
            continue  # it has answered, and what it said of the API alone is yet to come
        took = said.duration_ms if said else None
        found[one.replica.pk] = Outcome(one.replica.name, one.state, one.reason, took, one.since)
    return Outcomes(sorted(found.values(), key=lambda one: one.replica), is_newest)


def _of_ack(api: ApiInstance, ack: Ack, names: in_words.Names) -> Outcome:
    state: State = "applied" if ack.applied and api.resource_name not in ack.refused else "refused"
    reason = in_words.said(_reason(api, ack), names)
    return Outcome(ack.replica.name, state, reason, ack.duration_ms, ack.at)


def _reason(api: ApiInstance, ack: Ack) -> str:
    return str(ack.refused.get(api.resource_name, "")) if ack.applied else ack.reason
