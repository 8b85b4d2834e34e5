"""What is known of an API on its gateway, from what each replica acknowledged and from nothing else.

A replica that said goodbye no longer counts. One that went silent does: nobody knows what it serves.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from django.db.models import CharField, F, OuterRef, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce

from apis import resource_names
from apis.deployment import in_words
from apis.models import ApiInstance
from console.among import listed, uuids_in
from console.compiled import CompiledQuery
from gateways.models import Ack, Replica, ResourceStatus

State = Literal["Active", "Failed", "Applying", "Partly applied", "Unregistered", "Inactive", "Not deployed"]
KEPT = "_prefetched_objects_cache"
"""Where Django keeps what was prefetched for a row."""
NOTING = "noting_generation"
_PLAIN: dict[State, str] = {
    "Active": "Active",
    "Not deployed": "Not deployed",
    "Unregistered": "Never deployed",
}


class ReplicaStatus(NamedTuple):
    """`running_generation` is the generation of the version that serves; None when none does.

    A "silent" replica's is what it ran when it was last heard, at `since`. The others are as they are since
    then; when what is wanted now was answered, `statuses` alone tells.
    """

    replica: Replica
    state: Literal["applied", "refused", "waiting", "silent"]
    reason: str
    wanted_generation: int
    running_generation: int | None
    since: datetime


@dataclass(frozen=True)
class ApiStatus:
    """`is_refused`: some replica that reports does not take what is wanted."""

    state: State
    words: str
    is_refused: bool = False

    @property
    def tone(self) -> str:
        """The colour that goes with the words."""
        tones = {"Active": "ok", "Failed": "bad", "Applying": "busy", "Partly applied": "warn"}
        return tones.get(self.state, "off")


class StatusFacts(NamedTuple):
    """All that decides an API's state, for one here and for those of an environment in `states`.

    `replicas` are its gateway's that did not say goodbye. Of them `live` report, `serving` live ones
    serve some version of the API, and `applied` and `refused` are what live ones made of the wanted one.
    """

    is_deployed: bool
    was_deployed: bool
    is_answered: bool
    replicas: int
    live: int
    serving: int
    applied: int
    refused: int

    @property
    def state(self) -> State:
        if not self.is_deployed:
            never: State = "Not deployed" if self.was_deployed else "Unregistered"
            return "Applying" if self.serving else never
        if not self.live:
            return "Inactive" if self.is_answered else "Applying"
        if self.applied == self.replicas:
            return "Active"
        if self.applied:
            return "Partly applied"
        return "Failed" if self.refused else "Applying"


class ReplicaAnswer(NamedTuple):
    """What a replica last said of an API, as in ResourceStatus."""

    replica__gateway_id: UUID
    replica_id: UUID
    namespace: str
    name: str
    state: str
    reason: str
    generation: int
    running_generation: int | None
    since: datetime


def statuses(api: ApiInstance) -> list[ReplicaStatus]:
    """One entry for each replica of the API's gateway that did not say goodbye.

    None unless the API is deployed and some replica lives. `since` of those that answered is when they first
    did to what is wanted now, which may be long after it was saved.
    """
    return _dated(api, _Known([api]).statuses(api))


def run_of(api: ApiInstance) -> tuple[ApiStatus, list[ReplicaStatus]]:
    """Its status and those of its replicas."""
    known = _Known([api])
    return known.status_of(api), _dated(api, known.statuses(api))


def status_of(api: ApiInstance) -> ApiStatus:
    return _Known([api]).status_of(api)


def statuses_of(apis: Iterable[ApiInstance]) -> dict[int, ApiStatus]:
    """The status of each by its id, in three queries however many there are."""
    apis = list(apis)
    known = _Known(apis, _SAID_OF_REPLICAS)
    return {api.pk: known.status_of(api) for api in apis}


def runs_of(apis: Iterable[ApiInstance]) -> dict[int, tuple[ApiStatus, list[ReplicaStatus]]]:
    """The status of each and of each of its replicas, in three queries however many APIs there are, and not
    since when it is what is wanted now.
    """
    apis = list(apis)
    known = _Known(apis)
    return {api.pk: (known.status_of(api), known.statuses(api)) for api in apis}


def _present(gateways: str) -> QuerySet[Replica]:
    rows = Replica.objects.filter(gateway__in=uuids_in(gateways), stopped_at=None)
    return rows.annotate(**{NOTING: F("gateway__noting_generation")})


def _said(gateways: str, apis: str) -> "QuerySet[ResourceStatus, Any]":
    # The name of each API's resource, made where the rows are.
    names = RawSQL("SELECT %s || unnest(%s::bigint[])", [resource_names.API, apis], output_field=CharField())
    rows = ResourceStatus.objects.filter(replica__gateway__in=uuids_in(gateways), name__in=names)
    return rows.values_list(*ReplicaAnswer._fields)


def _refused(gateways: str) -> QuerySet[Ack]:
    newest = F("deployment__gateway__generation")
    rows = Ack.objects.filter(
        replica__gateway__in=uuids_in(gateways), applied=False, deployment__generation=newest
    )
    return rows.select_related("deployment")


_REPLICAS = CompiledQuery(_present, gateways="{0}")
_SAID_OF_REPLICAS = CompiledQuery(
    lambda gateways: _present(gateways).only("gateway_id", "name", "last_heartbeat_at", "stopped_at"),
    gateways="{0}",
)
"""What a status alone says of them, or follows from."""
_ANSWERS = CompiledQuery(_said, gateways="{0}", apis="{1}")
_REFUSALS = CompiledQuery(_refused, gateways="{0}")


class _Known:
    """The replicas of some APIs' gateways, and what every replica last said of those APIs.

    `replicas` asks for as much of each as is needed, else for all. `present` are those that did not say
    goodbye, `live` and `heard` (their ids) those of them that report; `refused` holds the acks by which a
    replica refused the newest snapshot as a whole. While it is not noted which APIs of a gateway a change was
    of (`noting`), an answer to it is waited for as if it was of all.
    """

    def __init__(self, apis: Sequence[ApiInstance], replicas: "CompiledQuery[Replica] | None" = None) -> None:
        self.present: dict[object, list[Replica]] = defaultdict(list)
        self.live: dict[object, list[Replica]] = defaultdict(list)
        self.heard: set[UUID] = set()
        self.noting: dict[object, int] = {}
        self.said: dict[tuple[UUID | None, str, str], dict[UUID, ReplicaAnswer]] = defaultdict(dict)
        self.refused: dict[object, Ack] = {}
        self.names: in_words.Names = {}
        gateways = {api.gateway_id for api in apis if api.gateway_id}
        if not gateways:
            return
        for replica in _replicas(apis, gateways, replicas or _REPLICAS):
            self.present[replica.gateway_id].append(replica)
            self.noting[replica.gateway_id] = getattr(replica, NOTING)
            if replica.is_connected:
                self.live[replica.gateway_id].append(replica)
                self.heard.add(replica.pk)
        asked = listed(gateways)
        for row in _ANSWERS(gateways=asked, apis=listed(api.pk for api in apis)):
            answer = ReplicaAnswer(*row)
            key = answer.replica__gateway_id, answer.namespace, answer.name
            self.said[key][answer.replica_id] = answer
        for ack in _REFUSALS(gateways=asked):
            self.refused[ack.replica_id] = ack
        reasons = [one.reason for row in self.said.values() for one in row.values()]
        self.names = in_words.names_in([*reasons, *(ack.reason for ack in self.refused.values())])

    def statuses(self, api: ApiInstance) -> list[ReplicaStatus]:
        if not api.is_deployed or not self.live[api.gateway_id]:
            return []
        answers = self.said[_key(api)]
        return [
            self._replica_status(api, replica, answers.get(replica.pk), self.refused.get(replica.pk))
            for replica in self.present[api.gateway_id]
        ]

    def _replica_status(
        self, api: ApiInstance, replica: Replica, answer: ReplicaAnswer | None, refusal: Ack | None
    ) -> ReplicaStatus:
        """An answer about an older version of this API says nothing of the wanted one: that is waited for."""
        running = answer.running_generation if answer else None
        wanted = max(api.changed_generation, self.noting[api.gateway_id])
        if replica.pk not in self.heard:
            reason, since = f"{replica} is silent", replica.last_heartbeat_at
            return ReplicaStatus(replica, "silent", reason, wanted, running, since)
        if answer is not None and answer.generation >= wanted:
            reason = in_words.said(answer.reason, self.names)
            if answer.state == ResourceStatus.State.REFUSED:
                return ReplicaStatus(replica, "refused", reason, wanted, running, answer.since)
            return ReplicaStatus(replica, "applied", reason, wanted, running, answer.since)
        if refusal is not None and refusal.deployment.generation >= wanted:
            reason = in_words.said(refusal.reason, self.names)
            return ReplicaStatus(replica, "refused", reason, wanted, running, refusal.at)
        return ReplicaStatus(replica, "waiting", "No answer yet", wanted, running, api.changed_at)

    def status_of(self, api: ApiInstance) -> ApiStatus:
        found = self.statuses(api)
        facts = self._facts(api, found)
        return ApiStatus(facts.state, self._words(api, facts.state, found), facts.refused > 0)

    def _facts(self, api: ApiInstance, found: list[ReplicaStatus]) -> StatusFacts:
        states = [status.state for status in found]
        return StatusFacts(
            is_deployed=api.is_deployed and api.gateway_id is not None,
            was_deployed=api.deployed_at is not None,
            is_answered=bool(self.said[_key(api)]),
            replicas=len(self.present[api.gateway_id]),
            live=len(self.live[api.gateway_id]),
            serving=len(self._serving(api)),
            applied=states.count("applied"),
            refused=states.count("refused"),
        )

    def _serving(self, api: ApiInstance) -> list[Replica]:
        """The API is gone from a replica when that one's newest answer no longer names it."""
        answers = self.said[_key(api)]
        return [replica for replica in self.live[api.gateway_id] if _serves(answers.get(replica.pk))]

    def _words(self, api: ApiInstance, state: State, found: list[ReplicaStatus]) -> str:
        refused = [_refusal(status) for status in found if status.state == "refused"]
        if state == "Partly applied":
            applied = sum(status.state == "applied" for status in found)
            silent = [status.reason for status in found if status.state == "silent"]
            return "; ".join([f"Applied on {applied} of {len(found)} replicas", *refused, *silent])
        if state == "Failed":
            return refused[0]
        if state in _PLAIN:
            return _PLAIN[state]
        if found:
            return _waiting([one for one in found if one.state == "waiting"])
        if api.is_deployed and api.gateway_id:
            return "Waiting for a replica: the gateway is Disconnected"
        return f"Being removed from {', '.join(map(str, self._serving(api)))}"


def _dated(api: ApiInstance, found: list[ReplicaStatus]) -> list[ReplicaStatus]:
    """`since` of those that answered is when they first did to what is wanted now."""
    if not any(_is_of_before(api, one) for one in found):
        return found
    answered = _answered(api)

    def dated(one: ReplicaStatus) -> ReplicaStatus:
        at = answered.get(one.replica.pk) or api.changed_at
        return one._replace(since=max(at, api.changed_at)) if _is_of_before(api, one) else one

    return [dated(one) for one in found]


def _is_of_before(api: ApiInstance, status: ReplicaStatus) -> bool:
    """Whether a replica was in the state already when what is wanted now was saved."""
    return status.state in ("applied", "refused") and status.since < api.changed_at


def _answered(api: ApiInstance) -> dict[UUID, datetime | None]:
    """When each replica answered first to what is wanted now; None where that is not known."""
    of_it = Ack.objects.filter(
        replica=OuterRef("pk"),
        deployment__gateway=api.gateway_id,
        deployment__generation__gte=api.changed_generation,
    )
    first = of_it.order_by("deployment__generation").values(when=Coalesce("first_at", "at"))[:1]
    rows = Replica.objects.filter(gateway=api.gateway_id, stopped_at=None)
    return dict(rows.annotate(when=Subquery(first)).values_list("pk", "when"))


def _replicas(
    apis: Sequence[ApiInstance], gateways: set[UUID], asked: CompiledQuery[Replica]
) -> Iterable[Replica]:
    """Those that did not say goodbye; asked for where the APIs' gateways do not hold theirs already."""
    own = {api.gateway_id: api.gateway for api in apis if ApiInstance.gateway.is_cached(api)}
    held = [one for one in own.values() if one and "replicas" in getattr(one, KEPT, ())]
    if len(held) < len(gateways):
        return asked(gateways=listed(gateways))
    found = [(replica, one) for one in held for replica in one.replicas.all() if replica.stopped_at is None]
    for replica, gateway in found:
        setattr(replica, NOTING, gateway.noting_generation)
    return [replica for replica, _ in found]


def _key(api: ApiInstance) -> tuple[UUID | None, str, str]:
    return api.gateway_id, str(api.environment_id), api.resource_name


def _serves(answer: ReplicaAnswer | None) -> bool:
    return answer is not None and answer.running_generation is not None


def _refusal(status: ReplicaStatus) -> str:
    keeps = f"; generation {status.running_generation} keeps serving" if status.running_generation else ""
    return f"Refused by {status.replica}: {status.reason or 'no reason given'}{keeps}"


def _waiting(found: list[ReplicaStatus]) -> str:
    if len(found) == 1:
        return f"Waiting for {found[0].replica} to answer"
    return f"Waiting for {len(found)} replicas to answer"
