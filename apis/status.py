"""What is known of an API on its gateway, from what each replica acknowledged and from nothing else.

A replica that said goodbye no longer counts. One that went silent does: nobody knows what it serves.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from django.db.models import F, QuerySet

from apis.models import ApiInstance, resource_name
from gateways.models import Ack, Replica, ResourceStatus

FEW = 200
"""Up to so many APIs are asked for by name and time; of more, all that their gateways run is read."""

State = Literal["Active", "Failed", "Applying", "Partly applied", "Unregistered", "Inactive", "Not deployed"]


class ReplicaStatus(NamedTuple):
    """`running_generation` is the generation of the version that serves; None when none does.

    A "silent" replica's is what it ran when it was last heard, at `since`, which only the statuses of few
    APIs have.
    """

    replica: Replica
    state: Literal["applied", "refused", "waiting", "silent"]
    reason: str
    wanted_generation: int
    running_generation: int | None
    since: datetime | None


@dataclass(frozen=True)
class ApiStatus:
    state: State
    words: str

    @property
    def tone(self) -> str:
        """The colour that goes with the words."""
        tones = {"Active": "ok", "Failed": "bad", "Applying": "busy", "Partly applied": "warn"}
        return tones.get(self.state, "off")


class BareApi(NamedTuple):
    """No more of an API than its status needs: for the statuses of thousands."""

    pk: int
    environment_id: UUID
    gateway_id: UUID | None
    is_deployed: bool
    deployed_at: datetime | None
    changed_generation: int

    @property
    def changed_at(self) -> None:
        """Reading times takes longer than all the rest."""

    @property
    def resource_name(self) -> str:
        return resource_name(self.pk)


class Answer(NamedTuple):
    """What a replica last said of an API, as in ResourceStatus."""

    replica_id: object
    namespace: str
    name: str
    state: str
    reason: str
    generation: int
    running_generation: int | None
    since: datetime | None = None


AnyApi = ApiInstance | BareApi


def bare(apis: QuerySet[ApiInstance]) -> list[BareApi]:
    return [BareApi(*row) for row in apis.select_related(None).values_list(*BareApi._fields)]


def statuses(api: ApiInstance) -> list[ReplicaStatus]:
    """One entry for each replica of the API's gateway that did not say goodbye.

    None unless the API is deployed and some replica lives.
    """
    return _Known([api]).statuses(api)


def status_of(api: ApiInstance) -> ApiStatus:
    return _Known([api]).status_of(api)


def statuses_of(apis: Iterable[AnyApi]) -> dict[int, ApiStatus]:
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

    `present` are those that did not say goodbye, `live` and `heard` (their ids) those of them that
    report; `refused` holds the acks by which a replica refused the newest snapshot as a whole.
    """

    def __init__(self, apis: Sequence[AnyApi]) -> None:
        self.present: dict[object, list[Replica]] = defaultdict(list)
        self.live: dict[object, list[Replica]] = defaultdict(list)
        self.heard: set[UUID] = set()
        self.said: dict[tuple[str, str], dict[object, Answer]] = defaultdict(dict)
        self.refused: dict[object, Ack] = {}
        gateways = {api.gateway_id for api in apis if api.gateway_id}
        if not gateways:
            return
        for replica in Replica.objects.filter(gateway__in=gateways, stopped_at=None):
            self.present[replica.gateway_id].append(replica)
            if replica.is_connected:
                self.live[replica.gateway_id].append(replica)
                self.heard.add(replica.pk)
        answers = ResourceStatus.objects.filter(replica__gateway__in=gateways)
        columns: tuple[str, ...] = Answer._fields[:-1]
        if len(apis) <= FEW:
            columns = Answer._fields
            answers = answers.filter(name__in=[api.resource_name for api in apis])
        for row in answers.values_list(*columns):
            answer = Answer(*row)
            self.said[answer.namespace, answer.name][answer.replica_id] = answer
        refusals = Ack.objects.filter(
            replica__gateway__in=gateways,
            applied=False,
            deployment__generation=F("deployment__gateway__generation"),
        )
        for ack in refusals.select_related("deployment"):
            self.refused[ack.replica_id] = ack

    def statuses(self, api: AnyApi) -> list[ReplicaStatus]:
        if not api.is_deployed or not self.live[api.gateway_id]:
            return []
        answers = self.said[_key(api)]
        return [
            self._replica_status(api, replica, answers.get(replica.pk), self.refused.get(replica.pk))
            for replica in self.present[api.gateway_id]
        ]

    def _replica_status(
        self, api: AnyApi, replica: Replica, answer: Answer | None, refusal: Ack | None
    ) -> ReplicaStatus:
        """An answer about an older version of this API says nothing of the wanted one: that is waited for."""
        running = answer.running_generation if answer else None
        wanted = api.changed_generation
        if replica.pk not in self.heard:
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

    def status_of(self, api: AnyApi) -> ApiStatus:
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

    def _not_deployed(self, api: AnyApi) -> ApiStatus:
        """The API is gone from a replica when that one's newest answer no longer names it."""
        answers = self.said[_key(api)]
        still = [replica for replica in self.live[api.gateway_id] if _serves(answers.get(replica.pk))]
        if still:
            return ApiStatus("Applying", f"Being removed from {', '.join(map(str, still))}")
        if api.deployed_at is None:
            return ApiStatus("Unregistered", "Never deployed")
        return ApiStatus("Not deployed", "Not deployed")

    def _without_replica(self, api: AnyApi) -> ApiStatus:
        words = "Waiting for a replica: the gateway is Disconnected"
        return ApiStatus("Inactive" if self.said[_key(api)] else "Applying", words)


def _key(api: AnyApi) -> tuple[str, str]:
    return str(api.environment_id), api.resource_name


def _serves(answer: Answer | None) -> bool:
    return answer is not None and answer.running_generation is not None


def _refusal(status: ReplicaStatus) -> str:
    keeps = f"; generation {status.running_generation} keeps serving" if status.running_generation else ""
    return f"Refused by {status.replica}: {status.reason or 'no reason given'}{keeps}"


def _waiting(found: list[ReplicaStatus]) -> str:
    if len(found) == 1:
        return f"Waiting for {found[0].replica} to answer"
    return f"Waiting for {len(found)} replicas to answer"
