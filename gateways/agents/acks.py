"""What replicas answer to a snapshot, kept: whether they applied it, and what became of each API."""

import logging
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from gateways.models import Ack, Deployment, Gateway, Replica, ResourceStatus
from gateways.protocol import messages

log = logging.getLogger(__name__)

MOST_REASONS, LONGEST_REASON = 100, 500
"""Kept with an answer, of the APIs that it refused, which are all named; and the characters of each."""


@transaction.atomic
def record(gateway: Gateway, replica: Replica, ack: messages.Ack) -> Ack | None:
    """Keep a replica's answer, whether to what was sent or to what it fetched; None where it answers what was
    never deployed, or so long ago that it was forgotten.

    What it says of single APIs counts only if no answer about a later snapshot was kept before, and
    nothing does if the replica has told otherwise of the same one since.
    """
    replica = Replica.objects.select_for_update().get(pk=replica.pk)
    at = min(ack.at, timezone.now())
    row = Deployment.objects.filter(gateway=gateway, generation=ack.generation).first()
    if row is None:
        log.warning(
            "refused=ack gateway=%s replica=%s generation=%d reason='it was never deployed, or is forgotten'",
            gateway,
            replica,
            ack.generation,
        )
        return None
    if later := Ack.objects.filter(deployment=row, replica=replica, at__gt=at).first():
        return later
    refused = [resource for resource in ack.resources if resource.state == "refused"]
    said = {"applied": ack.applied, "reason": ack.reason, "duration_ms": ack.duration_ms, "at": at}
    said["refused"] = {
        one.name: one.reason[:LONGEST_REASON] if number < MOST_REASONS else ""
        for number, one in enumerate(refused)
    }
    [kept] = Ack.objects.bulk_create(
        [Ack(deployment=row, replica=replica, first_at=at, **said)],
        update_conflicts=True,
        unique_fields=["deployment", "replica"],
        update_fields=list(said),
    )
    if ack.applied and ack.generation >= replica.generation:
        replica.generation, replica.digest = ack.generation, ack.digest
        replica.save(update_fields=["generation", "digest"])
    _keep_statuses(replica, ack, at)
    log.info(
        "gateway=%s replica=%s generation=%d applied=%s refused=%s duration_ms=%d",
        gateway,
        replica,
        ack.generation,
        str(ack.applied).lower(),
        ",".join(one.name for one in refused) or "none",
        ack.duration_ms,
    )
    return kept


def _keep_statuses(replica: Replica, ack: messages.Ack, at: datetime) -> None:
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


def _goes_on(resource: messages.ResourceAck, before: ResourceStatus | None, generation: int) -> bool:
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
    resource: messages.ResourceAck,
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
