"""Does a bulk change: a worker goes from API to API, and says of each what became of it."""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Count, Q
from django.http import Http404
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerAway

from apis.bulk import choosing, promoting
from apis.bulk.actions import ACTIONS, NothingToDo, Values
from apis.bulk.choosing import ask, kept
from apis.bulk.models import BulkChange, BulkItem, Plan
from apis.models import ApiInstance
from apis.removed import Removed
from console import background
from console.models import User

logger = logging.getLogger(__name__)

SLICE_SECONDS = 5
"""Of a worker's thread at once: pushes take their turns between."""
SAID_SECONDS = 0.5
BATCH = 50
HELD = timedelta(seconds=60)
"""Without a word for so long a worker is gone."""
AT_ONCE = 2
AGAIN_SECONDS = 2
State, Item = BulkChange.State, BulkItem.State


@transaction.atomic
def start(change: BulkChange, values: Values) -> None:
    """Have it done. Raises ValidationError by field; nothing happens where it was begun already."""
    row = BulkChange.objects.select_for_update().get(pk=change.pk)
    if row.state != State.ASKED:
        return
    if row.action != BulkChange.Action.RESTORE:
        first = _apis(change).first()
        if first is None:
            raise ValidationError({"": ["These APIs were all deleted meanwhile."]})
        row.told = ACTIONS[row.action].check(row.environment, first, values)[:255]
    if begin := ACTIONS[row.action].begin:
        begin(row, values)
    row.values, row.state, row.begun_at = dict(values), State.WAITING, timezone.now()
    row.held_until = None
    row.save()
    transaction.on_commit(partial(_enqueue, row))


def begin_by_itself(change: BulkChange) -> None:
    """Where it was planned so."""
    if not change.values.get("starts"):
        return
    try:
        start(change, change.values)
    except ValidationError as error:
        done = {"state": State.DONE, "ended_at": timezone.now(), "fault": " ".join(error.messages)[:500]}
        BulkChange.objects.filter(pk=change.pk, state=State.ASKED).update(**done)


@transaction.atomic
def again(user: User, change: BulkChange) -> BulkChange:
    """The same once more for those that failed or were not reached; what is promoted is looked at anew, with
    those that were left out. Raises ValidationError.
    """
    if change.is_going or not change.is_repeatable:
        raise ValidationError("What it needs is no longer kept; choose the APIs once more.")
    is_planned = change.action == BulkChange.Action.PROMOTE
    left = change.items.filter(state__in=(Item.FAILED, Item.WAITING, *([Item.LEFT] if is_planned else [])))
    new = ask(user, change.environment, change.action, left.order_by().values("api_key"))
    if is_planned:
        _plan_again(change, new)
    else:
        start(new, change.values)
    return new


@transaction.atomic
def take_back(user: User, change: BulkChange) -> BulkChange:
    """Restore what a deletion of many deleted. Raises ValidationError where nothing of that is kept."""
    deleted = change.items.filter(state=Item.DONE).order_by().values("api_key")
    try:
        new = ask(user, change.environment, BulkChange.Action.RESTORE, deleted)
    except ValidationError:
        raise ValidationError("These APIs were restored meanwhile, or are no longer kept.") from None
    start(new, {})
    return new


def _plan_again(change: BulkChange, new: BulkChange) -> None:
    """With the answers that were given."""
    environment = promoting.target(change)
    if environment is None:
        raise ValidationError("The environment is gone that they were to be promoted to.")
    known = Plan.objects.filter(item__change=change).values_list("item__api_key", "given")
    told = {name: change.values[name] for name in ("takes_unknown", "keeps_secrets", "parts")}
    promoting.choose(new, environment, **told, given=dict(known))


def stop(change: BulkChange) -> None:
    """What is done stays done."""
    going = BulkChange.objects.filter(pk=change.pk, state__in=BulkChange.GOING)
    going.update(state=State.STOPPED, ended_at=timezone.now())


def work(change_id: str) -> None:
    """Go on with it for a while, if nobody does; safe to run twice."""
    change = BulkChange.objects.select_related("environment__organization", "by").filter(pk=change_id).first()
    if change is None or not change.is_going:
        return
    if not _hold(change):
        return
    if not _may(change):
        _end(change, f"{change.by} may not change APIs of {change.environment} any more.")
        return
    if _work(change):
        BulkChange.objects.filter(pk=change.pk).update(held_until=None)
        _enqueue(change)


def tend() -> None:
    """Go on with what a worker left, and forget what is old."""
    left = Q(held_until=None) | Q(held_until__lt=timezone.now())
    for change in BulkChange.objects.filter(left, state__in=BulkChange.GOING).order_by("begun_at")[:AT_ONCE]:
        _enqueue(change)
    for change in promoting.left():
        promoting.enqueue(change)
    long_ago = timezone.now() - BulkChange.KEEP_VALUES
    over = BulkChange.objects.filter(is_repeatable=True, ended_at__lt=long_ago)
    promoting.forget(over)
    over.update(values={}, is_repeatable=False)
    _count_over()
    for one in (choosing.superfluous(), BulkChange.objects.forgotten().values_list("pk", flat=True)):
        choosing.forget(one)


def totals(changes: Sequence[BulkChange]) -> dict[UUID, dict[str, int]]:
    """By change, how many of its APIs are in each state, and in all; one query, of those not `counted`."""
    found = {one.pk: dict.fromkeys(("total", *Item.values), 0) for one in changes}
    found |= {one.pk: one.counted for one in changes if one.counted}
    items = BulkItem.objects.filter(change__in=[one.pk for one in changes if not one.counted]).order_by()
    for change, state, count in items.values_list("change", "state").annotate(Count("pk")):
        found[change][state] = count
        found[change]["total"] += count
    return found


def _count_over() -> None:
    """Thousands of rows each, which a list of changes counted at each look."""
    long_ago = timezone.now() - BulkChange.COUNTED_AFTER
    over = list(BulkChange.objects.filter(counted__isnull=True, ended_at__lt=long_ago)[:BATCH])
    for pk, counted in totals(over).items():
        BulkChange.objects.filter(pk=pk).update(counted=counted)


def _apis(change: BulkChange) -> Any:
    keys = change.items.values("api_key")
    rows = ApiInstance.objects.filter(environment=change.environment, pk__in=keys)
    return rows.select_related("asset", "gateway", "environment__organization").order_by("pk")


def _hold(change: BulkChange) -> bool:
    """Whether it is ours to work on now. Two that begin in the same instant may both find room: it is a
    share, and no lock; but no two work on one change.
    """
    now = timezone.now()
    free = Q(held_until=None) | Q(held_until__lte=now)
    mine = BulkChange.objects.filter(free, pk=change.pk, state__in=BulkChange.GOING)
    others = BulkChange.objects.filter(state=State.RUNNING, held_until__gt=now).exclude(pk=change.pk)
    if others.count() < AT_ONCE:
        return bool(mine.update(state=State.RUNNING, held_until=now + HELD))
    # One task at a time asks again, however many were enqueued.
    if mine.update(state=State.WAITING, held_until=now + timedelta(seconds=AGAIN_SECONDS)):
        _enqueue(change, AGAIN_SECONDS + 0.1)
    return False


def _may(change: BulkChange) -> bool:
    return change.by.is_active and change.environment.permits(change.by, ACTIONS[change.action].needs)


def _work(change: BulkChange) -> bool:
    """Whether there is more to do after this while."""
    until, said_at = time.monotonic() + SLICE_SECONDS, 0.0
    while items := list(change.items.filter(state=Item.WAITING)[:BATCH]):
        for item in items:
            now = time.monotonic()
            if now > until:
                return True
            if now - said_at > SAID_SECONDS:
                if not _go_on(change):
                    return False
                said_at = now
            _do(change, item)
    _end(change)
    return False


def _go_on(change: BulkChange) -> bool:
    """Say that we still work on it, unless somebody stopped it."""
    held = BulkChange.objects.filter(pk=change.pk, state=State.RUNNING)
    return bool(held.update(held_until=timezone.now() + HELD))


def _do(change: BulkChange, item: BulkItem) -> None:
    """The change and what is told of it are one transaction: it is done once, whatever dies or is slow."""
    try:
        with transaction.atomic():
            waiting = change.items.select_for_update().filter(pk=item.pk, state=Item.WAITING)
            if waiting.first() is None:
                return
            item.state, item.words = _done(change, item)
            item.save(update_fields=["state", "words"])
    except (OperationalError, InterfaceError):
        raise  # of the database: what is not done is done later
    except Exception as error:
        failed = change.items.filter(pk=item.pk, state=Item.WAITING)
        failed.update(state=Item.FAILED, words=_why(error)[:500])


def _done(change: BulkChange, item: BulkItem) -> tuple[BulkItem.State, str]:
    found = _subject(change, item)
    values = {**change.values, "item": item.pk}
    try:
        if found is not None:
            return Item.DONE, ACTIONS[change.action].act(change.by, found, values)[:500]
    except NothingToDo as nothing:
        return Item.UNCHANGED, str(nothing)[:500]
    except Http404:
        if _subject(change, item) is not None:
            raise
    if change.action == BulkChange.Action.RESTORE:
        return Item.UNCHANGED, "It was restored meanwhile, or is no longer kept."
    return Item.UNCHANGED, "It was deleted meanwhile."


def _subject(change: BulkChange, item: BulkItem) -> ApiInstance | Removed | None:
    if change.action == BulkChange.Action.RESTORE:
        return (
            kept(change.environment)
            .select_related("environment__organization")
            .filter(api_id=item.api_key)
            .first()
        )
    rows = ApiInstance.objects.select_related("asset", "gateway", "tls_context", "environment__organization")
    return rows.filter(environment=change.environment, pk=item.api_key).first()


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return " ".join(error.messages)
    if isinstance(error, Http404 | PermissionDenied):
        return str(error)
    logger.error("a bulk change failed", exc_info=error)
    return "It broke off; the workers' log says why."


def _end(change: BulkChange, fault: str = "") -> None:
    done: Mapping[str, Any] = {"state": State.DONE, "ended_at": timezone.now(), "fault": fault[:500]}
    BulkChange.objects.filter(pk=change.pk, state__in=BulkChange.GOING).update(**done)
    if not change.items.exclude(state__in=(Item.DONE, Item.UNCHANGED)).exists():
        over = BulkChange.objects.filter(pk=change.pk).exclude(action=BulkChange.Action.PROMOTE)
        over.update(values={}, is_repeatable=False)


def _enqueue(change: BulkChange, in_seconds: float = 0) -> None:
    """Where workers cannot be reached, `tend` does it later."""
    from apis.tasks import work_on_bulk_change

    if not background.is_valkey_up():
        return
    try:
        work_on_bulk_change.apply_async(args=(str(change.pk),), retry=False, countdown=in_seconds)
    except (BrokerAway, OSError) as error:
        logger.warning("a bulk change was not enqueued change=%s error=%r", change.pk, error)
