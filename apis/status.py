"""What is known of an API on its gateway, from what each replica acknowledged and from nothing else.

A replica that said goodbye no longer counts. One that went silent does: nobody knows what it serves.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db.models import F, QuerySet

from apis.models import ApiInstance
from gateways.models import Ack, Replica, ResourceStatus

State = Literal["Active", "Failed", "Applying", "Partly applied", "Unregistered", "Inactive", "Not deployed"]


@dataclass(frozen=True)
class ReplicaStatus:
    """`running_generation` is the generation of the version that serves; None when none does.

    A "silent" replica's is what it ran when it was last heard, at `since`.
    """

    replica: Replica
    state: Literal["applied", "refused", "waiting", "silent"]
    reason: str
    wanted_generation: int
    running_generation: int | None
    since: datetime


@dataclass(frozen=True)
class ApiStatus:
    state: State
    words: str

    @property
    def tone(self) -> str:
        """The colour that goes with the words."""
        tones = {"Active": "ok", "Failed": "bad", "Applying": "busy", "Partly applied": "warn"}
        return tones.get(self.state, "off")


def bare(apis: QuerySet[ApiInstance]) -> QuerySet[ApiInstance]:
    """The same with no more than `statuses_of` reads: for the statuses of thousands."""
    fields = (
        "environment_id",
        "gateway_id",
        "is_deployed",
        "deployed_at",
        "changed_generation",
        "changed_at",
    )
    return apis.select_related(None).only(*fields)


def statuses(api: ApiInstance) -> list[ReplicaStatus]:
    """One entry for each replica of the API's gateway that did not say goodbye.

    None unless the API is deployed and some replica lives.
    """
    return _Known([api]).statuses(api)


def status_of(api: ApiInstance) -> ApiStatus:
    return _Known([api]).status_of(api)


def statuses_of(apis: Iterable[ApiInstance]) -> dict[int, ApiStatus]:
    """The status of each by its id, in three queries however many there are."""
    apis = list(apis)
    known = _Known(apis)
    return {api.pk: known.status_of(api) for api in apis}


def runs_of(apis: Iterable[ApiInstance]) -> dict[int, tuple[ApiStatus, list[ReplicaStatus]]]:
    """The status of each and of each of its replicas, in three queries however many APIs there are."""
    apis = list(apis)
    known = _Known(apis)
    return {api.pk: (known.status_of(api), known.statuses(api)) for api in apis}


class _Known:
    """The replicas of some APIs' gateways, and what every replica last said of those APIs.

    `present` are those that did not say goodbye, `live` those of them that report; `refused` holds the
    acks by which a replica refused the newest snapshot as a whole.
    """

    def __init__(self, apis: list[ApiInstance]) -> None:
        self.present: dict[object, list[Replica]] = defaultdict(list)
        self.live: dict[object, list[Replica]] = defaultdict(list)
        self.said: dict[tuple[str, str], dict[object, ResourceStatus]] = defaultdict(dict)
        self.refused: dict[object, Ack] = {}
        gateways = {api.gateway_id for api in apis if api.gateway_id}
        if not gateways:
            return
        for replica in Replica.objects.filter(gateway__in=gateways, stopped_at=None):
            self.present[replica.gateway_id].append(replica)
            if replica.is_connected:
                self.live[replica.gateway_id].append(replica)
        answers = ResourceStatus.objects.filter(
            replica__gateway__in=gateways, name__in=[api.resource_name for api in apis]
        )
        for answer in answers:
            self.said[answer.namespace, answer.name][answer.replica_id] = answer
        refusals = Ack.objects.filter(
            replica__gateway__in=gateways,
            applied=False,
            deployment__generation=F("deployment__gateway__generation"),
        )
        for ack in refusals.select_related("deployment"):
            self.refused[ack.replica_id] = ack

    def statuses(self, api: ApiInstance) -> list[ReplicaStatus]:
        if not api.is_deployed or not self.live[api.gateway_id]:
            return []
        answers = self.said[_key(api)]
        return [
            _replica_status(api, replica, answers.get(replica.pk), self.refused.get(replica.pk))
            for replica in self.present[api.gateway_id]
        ]

    def status_of(self, api: ApiInstance) -> ApiStatus:
        if not api.is_deployed or api.gateway_id is None:
            return self._not_deployed(api)
        found = self.statuses(api)
        if not found:
            return self._without_replica(api)
        applied = [status for status in found if status.state == "applied"]
        refused = [status for status in found if status.state == "refused"]
        if len(applied) == len(found):
            return ApiStatus("Active", "Active")
        if applied:
            words = f"Applied on {len(applied)} of {len(found)} replicas"
            silent = [status.reason for status in found if status.state == "silent"]
            return ApiStatus("Partly applied", "; ".join([words, *map(_refusal, refused), *silent]))
        if refused:
            return ApiStatus("Failed", _refusal(refused[0]))
        return ApiStatus("Applying", _waiting([one for one in found if one.state == "waiting"]))

    def _not_deployed(self, api: ApiInstance) -> ApiStatus:
        """The API is gone from a replica when that one's newest answer no longer names it."""
        answers = self.said[_key(api)]
        still = [replica for replica in self.live[api.gateway_id] if _serves(answers.get(replica.pk))]
        if still:
            return ApiStatus("Applying", f"Being removed from {', '.join(map(str, still))}")
        if api.deployed_at is None:
            return ApiStatus("Unregistered", "Never deployed")
        return ApiStatus("Not deployed", "Not deployed")

    def _without_replica(self, api: ApiInstance) -> ApiStatus:
        words = "Waiting for a replica: the gateway is Disconnected"
        return ApiStatus("Inactive" if self.said[_key(api)] else "Applying", words)


def _key(api: ApiInstance) -> tuple[str, str]:
    return str(api.environment_id), api.resource_name


def _serves(answer: ResourceStatus | None) -> bool:
    return answer is not None and answer.running_generation is not None


def _replica_status(
    api: ApiInstance, replica: Replica, answer: ResourceStatus | None, refusal: Ack | None
) -> ReplicaStatus:
    """An answer about an older version of this API says nothing of the wanted one: that is waited for."""
    running = answer.running_generation if answer else None
    wanted = api.changed_generation
    if not replica.is_connected:
        reason, since = f"{replica} is silent", replica.last_heartbeat_at
        return ReplicaStatus(replica, "silent", reason, wanted, running, since)
    if answer is not None and answer.generation >= wanted:
        state: Literal["applied", "refused"] = "applied"
        if answer.state == ResourceStatus.State.REFUSED:
            state = "refused"
        return ReplicaStatus(replica, state, answer.reason, wanted, running, answer.since)
    if refusal is not None and refusal.deployment.generation >= wanted:
        return ReplicaStatus(replica, "refused", refusal.reason, wanted, running, refusal.at)
    return ReplicaStatus(replica, "waiting", "No answer yet", wanted, running, api.changed_at)


def _refusal(status: ReplicaStatus) -> str:
    keeps = f"; generation {status.running_generation} keeps serving" if status.running_generation else ""
    return f"Refused by {status.replica}: {status.reason or 'no reason given'}{keeps}"


def _waiting(found: list[ReplicaStatus]) -> str:
    if len(found) == 1:
        return f"Waiting for {found[0].replica} to answer"
    return f"Waiting for {len(found)} replicas to answer"
