"""Brings snapshots to replicas, and keeps what each of them answered."""

import logging
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import httpx
from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from gateways import console_key
from gateways.agent import protocol
from gateways.agent.console import refusal
from gateways.agent.trust import Signer
from gateways.models import Ack, Deployment, Gateway, Replica, ResourceStatus
from gateways.packed import Packed

SNAPSHOT_PATH = "/v1/snapshot"
TIMEOUT = httpx.Timeout(30, connect=3)
AT_ONCE = 16
MOST_CHARACTERS = 500
"""Of what a replica says of its failure."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NoAnswer:
    """The replica could not be reached, or what answered is not it."""

    reason: str


class _TooLarge(Exception):
    """No replica's answer has so many bytes."""


@dataclass(frozen=True)
class RunsLater:
    """The replica refused the snapshot because it runs a later one (409)."""

    reason: str = "it runs a later generation"


Answer = protocol.Ack | NoAnswer | RunsLater


def push(gateway: Gateway, snapshot: Packed) -> list[Ack]:
    """Put the snapshot to every live replica at once; the acks of those that answered.

    One that does not answer is marked unreachable: it pulls by itself after its next heartbeat.
    """
    deployment(gateway, snapshot.generation, snapshot.digest, snapshot.count)
    replicas = list(gateway.replicas.connected().exclude(control_url=""))
    if not replicas:
        return []
    acks = []
    for replica, answer in _answers(gateway, snapshot.body, replicas):
        Replica.objects.filter(pk=replica.pk).update(is_reachable=not isinstance(answer, NoAnswer))
        if isinstance(answer, protocol.Ack):
            acks.append(record_ack(gateway, replica, answer))
        else:
            log.warning(
                "gateway=%s replica=%s generation=%d acked=false reason=%r",
                gateway,
                replica,
                snapshot.generation,
                answer.reason,
            )
    return acks


def deployment(gateway: Gateway, generation: int, digest: str, resources_count: int) -> Deployment:
    """The row of this attempt. Asking again for the same generation gives the same row."""
    row = Deployment(gateway=gateway, generation=generation, digest=digest, resources_count=resources_count)
    # One statement: replicas wait for it.
    [row] = Deployment.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["gateway", "generation"],
        update_fields=["digest", "resources_count"],
    )
    return row


@transaction.atomic
def record_ack(gateway: Gateway, replica: Replica, ack: protocol.Ack) -> Ack:
    """Keep a replica's answer, whether it came with the push or after a pull.

    What it says of single APIs counts only if no answer about a later snapshot was kept before, and
    nothing does if the replica has told otherwise of the same one since.
    """
    replica = Replica.objects.select_for_update().get(pk=replica.pk)
    at = min(ack.at, timezone.now())
    row, _ = Deployment.objects.get_or_create(
        gateway=gateway,
        generation=ack.generation,
        defaults={"digest": ack.digest, "resources_count": len(ack.resources)},
    )
    if later := Ack.objects.filter(deployment=row, replica=replica, at__gt=at).first():
        return later
    said = {"applied": ack.applied, "reason": ack.reason, "duration_ms": ack.duration_ms, "at": at}
    [kept] = Ack.objects.bulk_create(
        [Ack(deployment=row, replica=replica, **said)],
        update_conflicts=True,
        unique_fields=["deployment", "replica"],
        update_fields=list(said),
    )
    if ack.applied and ack.generation >= replica.generation:
        replica.generation, replica.digest = ack.generation, ack.digest
        replica.save(update_fields=["generation", "digest"])
    _keep_statuses(replica, ack, at)
    refused = [resource.name for resource in ack.resources if resource.state == "refused"]
    log.info(
        "gateway=%s replica=%s generation=%d applied=%s refused=%s duration_ms=%d",
        gateway,
        replica,
        ack.generation,
        str(ack.applied).lower(),
        ",".join(refused) or "none",
        ack.duration_ms,
    )
    return kept


def _keep_statuses(replica: Replica, ack: protocol.Ack, at: datetime) -> None:
    """Replace the replica's statuses by those of this ack; `since` stays where the state does."""
    before = {(status.namespace, status.name): status for status in replica.resource_statuses.all()}
    if any(status.generation > ack.generation for status in before.values()):
        return
    told = {(resource.namespace, resource.name): resource for resource in ack.resources}
    # Nearly all run on as before: for them one statement is enough.
    same = [key for key, resource in told.items() if _goes_on(resource, before.get(key), ack.generation)]
    ResourceStatus.objects.filter(pk__in=[before[key].pk for key in same]).update(
        generation=ack.generation, running_generation=ack.generation
    )
    news = [told[key] for key in sorted(told.keys() - set(same))]
    ResourceStatus.objects.bulk_create(
        [_status(replica, ack.generation, one, before.get((one.namespace, one.name)), at) for one in news],
        update_conflicts=True,
        unique_fields=["replica", "namespace", "name"],
        update_fields=["state", "reason", "generation", "running_generation", "since"],
    )
    if ack.applied:
        gone = [status.pk for key, status in before.items() if key not in told]
        ResourceStatus.objects.filter(pk__in=gone).delete()


def _goes_on(resource: protocol.ResourceAck, before: ResourceStatus | None, generation: int) -> bool:
    """Whether it was and is applied, as part of this generation now."""
    return (
        before is not None
        and before.state == resource.state == ResourceStatus.State.APPLIED
        and before.reason == resource.reason
        and resource.running_generation == generation
    )


def _status(
    replica: Replica,
    generation: int,
    resource: protocol.ResourceAck,
    before: ResourceStatus | None,
    at: datetime,
) -> ResourceStatus:
    is_same = before is not None and (before.state, before.reason) == (resource.state, resource.reason)
    return ResourceStatus(
        replica=replica,
        namespace=resource.namespace,
        name=resource.name,
        state=resource.state,
        reason=resource.reason,
        generation=generation,
        running_generation=resource.running_generation,
        since=before.since if before and is_same else at,
    )


def _answers(gateway: Gateway, body: bytes, replicas: list[Replica]) -> Iterator[tuple[Replica, Answer]]:
    """Each replica's answer as soon as it is there."""
    signer = console_key.signer()
    with (
        httpx.Client(timeout=TIMEOUT, trust_env=False, verify=_trusted()) as http,
        ThreadPoolExecutor(min(AT_ONCE, len(replicas))) as pool,
    ):
        asked = {
            pool.submit(_put, http, signer, str(gateway.pk), replica, body): replica for replica in replicas
        }
        for future in as_completed(asked):
            yield asked[future], future.result()


@cache
def _trusted() -> ssl.SSLContext:
    """The CAs that replicas' https addresses are checked with. Reading them takes longer than a push."""
    return httpx.create_ssl_context(trust_env=False)


def _put(http: httpx.Client, signer: Signer, gateway_id: str, replica: Replica, body: bytes) -> Answer:
    signature = signer.headers(gateway_id, "PUT", SNAPSHOT_PATH, body, subject=str(replica.pk))
    try:
        with http.stream(
            "PUT",
            replica.control_url.rstrip("/") + SNAPSHOT_PATH,
            content=body,
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity", **signature},
        ) as response:
            return _told(replica, response.status_code, _bounded(response))
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        # The address is the replica's own word: one that cannot be a host's must not cost its neighbours.
        return NoAnswer(str(error) or type(error).__name__)
    except _TooLarge:
        return NoAnswer(f"its answer is larger than {protocol.ACK_LIMIT // 1024 // 1024} MB")


def _told(replica: Replica, code: int, body: bytes) -> Answer:
    if code == 409:
        return RunsLater()
    if code != 200:
        reason = refusal(httpx.Response(code, content=body))[:MOST_CHARACTERS]
        return NoAnswer(": ".join(filter(None, (f"answered {code}", reason))))
    try:
        ack = protocol.Ack.model_validate_json(body)
    except ValidationError:
        ack = None
    # No text of the database's holds a NUL character.
    if ack is None or b"\\u0000" in body:
        return NoAnswer("what answered is not a replica of Gatewright")
    return ack if ack.replica == str(replica.pk) else NoAnswer("another replica answered at its address")


def _bounded(response: httpx.Response) -> bytes:
    """The body as it was sent: what is packed would have any size. Raises _TooLarge."""
    content = bytearray()
    for chunk in response.iter_raw():
        content += chunk
        if len(content) > protocol.ACK_LIMIT:
            raise _TooLarge
    return bytes(content)
