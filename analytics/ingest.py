"""Takes in what replicas ship: every line of every access log once, whatever died on the way.

A batch covers the bytes of one log file from `start` to `end`. Its rows and the file's new offset are
committed in one transaction, and only if `start` is where the committed ones end; the answer is always
the committed offset. So a batch that is sent twice, or after one that was lost, changes nothing, and the
replica goes on from where it truly is.
"""

import logging
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from django.db import transaction
from django.utils import timezone

from analytics import partitions
from analytics.grains import ROLLED_UP
from analytics.models import ConditionWindow, LogOffset, ResourceWindow, Sample, Stale, TrafficWindow
from apis import resource_names
from apis.automated.models import AutomatedPolicy
from apis.left_gateway import LeftGateway
from apis.models import ApiInstance, PolicyBinding
from gateways.models import Gateway
from gateways.protocol.messages import (
    ConditionCount,
    ObservedCount,
    RequestSample,
    ResourceCount,
    TrafficBatch,
    TrafficCount,
)

CLOCK_AHEAD = timedelta(minutes=10)
LATE = timedelta(days=1)
"""How long a gateway that an API was taken from may still serve it: it may not know yet."""
ROWS_AT_ONCE = 1000
MOST_REASONS = 50
"""Kept of a file. An agent has a handful of them."""

log = logging.getLogger(__name__)

Apis = dict[str, int]
Until = dict[str, datetime]
Named = TrafficCount | ResourceCount | ConditionCount | RequestSample


def ingest(gateway: Gateway, batch: TrafficBatch) -> int:
    """Commit the batch, if it continues its file. The committed offset."""
    oldest = partitions.oldest_taken()
    times = _times(batch.counts, batch.resources, batch.conditions, batch.observed) | {
        _time(sample.at) for sample in batch.samples
    }
    partitions.ensure((time for time in times if _is_timely(time, oldest)), ["window"])
    with transaction.atomic():
        offset = _lock(gateway, batch)
        if batch.start != offset.committed or batch.end < batch.start:
            return offset.committed
        if batch.end > batch.start:
            shed = _commit_rows(gateway, batch, oldest)
            offset.committed = batch.end
            for reason, count in (*batch.shed.items(), *shed.items()):
                told = reason if reason in offset.shed or len(offset.shed) < MOST_REASONS else "other"
                offset.shed[told] = offset.shed.get(told, 0) + count
            offset.save()
        return offset.committed


def _lock(gateway: Gateway, batch: TrafficBatch) -> LogOffset:
    """The file's offset, held against another copy of this batch until the transaction ends."""
    file = {"gateway": gateway, "replica_id": uuid.UUID(batch.replica), "file": batch.file}
    LogOffset.objects.bulk_create([LogOffset(**file)], ignore_conflicts=True)
    return LogOffset.objects.select_for_update().get(**file)


def _commit_rows(gateway: Gateway, batch: TrafficBatch, oldest: datetime) -> dict[str, int]:
    """Insert what is this gateway's and timely; how many requests were not, by reason."""
    apis, until = _apis(gateway, batch)
    replica = uuid.UUID(batch.replica)
    shed: dict[str, int] = {}

    def is_ours(row: Named, time: datetime) -> bool:
        ends = until.get(row.api)
        is_known = row.api in apis and row.namespace == str(gateway.environment_id)
        return is_known and (ends is None or time <= ends)

    counts = []
    for row in batch.counts:
        if not is_ours(row, _time(row.time)):
            shed["foreign"] = shed.get("foreign", 0) + row.requests
        elif not _is_timely(_time(row.time), oldest):
            shed["untimely"] = shed.get("untimely", 0) + row.requests
        else:
            counts.append(row)
    if shed:
        log.warning("gateway=%s replica=%s file=%s shed=%s", gateway, batch.replica, batch.file, shed)

    def is_taken(row: Named, seconds: float) -> bool:
        return is_ours(row, _time(seconds)) and _is_timely(_time(seconds), oldest)

    resources = [row for row in batch.resources if is_taken(row, row.time)]
    held = [row for row in batch.conditions if is_taken(row, row.time)]
    observed = [row for row in batch.observed if is_taken(row, row.time)]
    samples = [row for row in batch.samples if is_taken(row, row.at)]
    TrafficWindow.objects.bulk_create((_traffic(row, apis, replica) for row in counts), ROWS_AT_ONCE)
    ResourceWindow.objects.bulk_create((_resource(row, apis) for row in resources), ROWS_AT_ONCE)
    Sample.objects.bulk_create((_sample(row, apis, replica) for row in samples), ROWS_AT_ONCE)
    ConditionWindow.objects.bulk_create(_conditions(gateway, [*held, *observed], apis), ROWS_AT_ONCE)
    _mark_stale(_times(counts, resources, held, observed))
    return shed


def _apis(gateway: Gateway, batch: TrafficBatch) -> tuple[Apis, Until]:
    """{resource name: id} of the batch's APIs that are the gateway's, or were; and until when it may tell
    of those that were taken from it.
    """
    named: chain[Named] = chain(
        batch.counts, batch.resources, batch.conditions, batch.observed, batch.samples
    )
    names = {row.api for row in named}
    ids = {pk for name in names if (pk := resource_names.api_of(name)) is not None}
    known = ApiInstance.objects.filter(environment=gateway.environment_id, pk__in=ids)
    own = known.filter(gateway=gateway).values_list("pk", flat=True)
    left = LeftGateway.objects.filter(gateway=gateway, api__in=known).exclude(api__gateway=gateway)
    left_at = dict(left.values_list("api", "left_at"))
    until: Until = {resource_names.of_api(id_): at + LATE for id_, at in left_at.items()}
    return {resource_names.of_api(id_): id_ for id_ in (*own, *left_at)}, until


def _conditions(gateway: Gateway, counts: Iterable[ConditionCount], apis: Apis) -> list[ConditionWindow]:
    """Those of policies that the APIs still have; of what was observed, by automated policies of their
    environment too, how many would have been refused.
    """
    rows = [
        (
            resource_names.binding_of(row.binding),
            resource_names.automated_of(row.binding) if isinstance(row, ObservedCount) else None,
            row,
        )
        for row in counts
    ]
    own = {pk for pk, _, _ in rows if pk}
    known = set(PolicyBinding.objects.filter(pk__in=own, api__in=apis.values()).values_list("pk", "api_id"))
    automated = {pk for _, pk, _ in rows if pk}
    held = AutomatedPolicy.objects.filter(pk__in=automated, environment=gateway.environment_id)
    known_held = set(held.values_list("pk", flat=True))
    return [
        ConditionWindow(
            time=_time(row.time - row.time % 10),
            api_id=apis[row.api],
            binding_id=pk,
            automated_id=held_pk,
            requests=0 if isinstance(row, ObservedCount) else row.requests,
            would_refuse=row.requests if isinstance(row, ObservedCount) else 0,
        )
        for pk, held_pk, row in rows
        if (pk, apis[row.api]) in known or held_pk in known_held
    ]


def _times(*counts: Iterable[TrafficCount | ResourceCount | ConditionCount]) -> set[datetime]:
    return {_time(row.time) for rows in counts for row in rows}


def _mark_stale(times: set[datetime]) -> None:
    """The rollups of these times no longer hold everything."""
    Stale.objects.bulk_create(
        Stale(grain=grain.name, time=period)
        for grain in ROLLED_UP
        for period in {grain.floor(time) for time in times}
    )


def _is_timely(time: datetime, oldest: datetime) -> bool:
    return oldest <= time <= timezone.now() + CLOCK_AHEAD


def _time(seconds: float) -> datetime:
    """Epoch seconds as a time; what no calendar holds becomes the epoch, which is never timely."""
    return datetime.fromtimestamp(seconds if seconds < 2**33 else 0, UTC)


def _traffic(row: TrafficCount, apis: Apis, replica: uuid.UUID) -> TrafficWindow:
    return TrafficWindow(
        time=_time(row.time - row.time % 10),
        api_id=apis[row.api],
        replica_id=replica,
        **_counted(row),
    )


def _resource(row: ResourceCount, apis: Apis) -> ResourceWindow:
    return ResourceWindow(
        time=_time(row.time - row.time % 10),
        api_id=apis[row.api],
        **_counted(row),
    )


def _counted(row: TrafficCount | ResourceCount) -> dict[str, Any]:
    return {name: getattr(row, name) for name in (*row.LABELS, *row.SUMS, *row.HISTOGRAMS)}


def _sample(row: RequestSample, apis: Apis, replica: uuid.UUID) -> Sample:
    same = row.model_dump(exclude={"at", "namespace", "api"})
    return Sample(time=_time(row.at), api_id=apis[row.api], replica_id=replica, **same)
