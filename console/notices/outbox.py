"""What waits to be sent: put there with the change that it tells of, sent by workers, kept until it is.

A worker holds the lock of a row while it sends it: two never send the same one, and what a worker that died
was sending is free at once.
"""

import logging
import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from celery import current_app
from django.db import connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from console import background, turns
from console.notices import channels, mail, smtp
from console.notices.models import Delivery, DeliveryQuerySet
from console.notices.unsent import Unsent

PAUSES = [timedelta(seconds=one) for one in (10, 30, 60, 120, 300, 600, 1200, 1800)]
"""After each attempt that failed; the last one holds for all that follow."""
TASK = "console.notices.tasks.deliver"
AT_ONCE = 500
RUN_SECONDS = 60
TURNS = 2
"""So many mails are sent at once, and so many messages to destinations."""
State = Delivery.State

log = logging.getLogger(__name__)


def put(deliveries: Iterable[Delivery]) -> None:
    """To be sent once the transaction is committed; beat takes care of what no worker was told of."""
    Delivery.objects.bulk_create(deliveries, batch_size=AT_ONCE)
    transaction.on_commit(ask)


def ask() -> None:
    """Have a worker send what is due."""
    if not background.is_valkey_up():
        return
    try:
        current_app.send_task(TASK, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("delivery=not-asked-for reason=%r", str(error))


def work(seconds: float = RUN_SECONDS) -> bool:
    """Send what is due, for so long. Whether there may be more."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if not send_next():
            return False
    return True


def send_next() -> bool:
    """Whether there was one to send that nobody else is sending, and a turn to do so."""
    return any(_send_one(way) for way in Delivery.Way)


@transaction.atomic
def _send_one(way: Delivery.Way) -> bool:
    if not _has_turn(way):
        return False
    delivery = _next(way)
    if delivery is None:
        return False
    try:
        answer = _send(delivery)
    except Unsent as fault:
        _put_off(delivery, fault)
    except Exception:
        log.exception("delivery=failed id=%s", delivery.pk)
        _put_off(delivery, Unsent("A fault of the console's own; its log has it."))
    else:
        _finish(delivery, State.SENT, answer)
        _wake(delivery)
    return True


def _has_turn(way: Delivery.Way) -> bool:
    """Until the transaction ends: destinations that are slow keep up neither mails nor all the workers."""
    return any(_is_free(f"delivery {way} {turn}") for turn in range(TURNS))


def _is_free(name: str) -> bool:
    """And ours until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        return bool(cursor.fetchone()[0])


def _next(way: Delivery.Way) -> Delivery | None:
    """That is due, of a tenant of which no other worker sends one: its slow servers keep up its own alone."""
    rows = Delivery.objects.due().filter(way=way).select_for_update(of=("self",), skip_locked=True)
    rows = rows.select_related("destination", "organization", "environment")
    for _ in range(TURNS):
        delivery = rows.first()
        if delivery is None or delivery.organization is None or way != Delivery.Way.CHANNEL:
            return delivery
        if _is_free(f"delivery {way} of {delivery.organization.root_id}"):
            return delivery
        rows = rows.exclude(organization__in=turns.together(delivery.organization))
    return None


def _send(delivery: Delivery) -> str:
    if delivery.way == Delivery.Way.CHANNEL:
        return channels.send(delivery)
    server = mail.server()
    if server is None:
        raise Unsent("No mail server is set up.", is_away=True)
    return smtp.send(server, delivery)


def _finish(delivery: Delivery, state: str, answer: str) -> None:
    """What was sent is kept without its text, which may hold the link of an invitation."""
    delivery.state, delivery.answer = state, answer[:500]
    delivery.attempts += 1
    delivery.finished_at = timezone.now()
    if state == State.SENT:
        delivery.content = {}
    delivery.save()


def _put_off(delivery: Delivery, fault: Unsent) -> None:
    """Until the next attempt, or for good; with it all that waits for the same server, where it is away."""
    now = timezone.now()
    if fault.is_final or now >= delivery.gives_up_at:
        _finish(delivery, State.FAILED, fault.answer)
    else:
        delivery.attempts += 1
        delivery.answer, delivery.is_held = fault.answer[:500], fault.is_away
        delivery.next_at = now + PAUSES[min(delivery.attempts, len(PAUSES)) - 1]
        delivery.save()
    log.warning("delivery=%s id=%s reason=%r", delivery.state, delivery.pk, fault.answer)
    if fault.is_away:
        _hold(delivery, fault, now)


def _hold(delivery: Delivery, fault: Unsent, now: datetime) -> None:
    """Whatever else is due there waits as long, rather than finding out one by one that nobody answers."""
    until = now + PAUSES[min(max(delivery.attempts, 1), len(PAUSES)) - 1]
    others = _free(Delivery.objects.due(now).to_the_same(delivery))
    others.filter(gives_up_at__gt=now).update(next_at=until, is_held=True, answer=fault.answer[:500])
    late = others.filter(gives_up_at__lte=now)
    late.update(state=State.FAILED, answer=fault.answer[:500], finished_at=now)


def _wake(delivery: Delivery) -> None:
    """The server is back: what was held for it is due."""
    held = Delivery.objects.waiting().to_the_same(delivery).filter(is_held=True)
    _free(held).update(next_at=timezone.now(), is_held=False)


def _free(rows: DeliveryQuerySet) -> DeliveryQuerySet:
    """Those of them that nobody is sending."""
    ids = rows.select_for_update(skip_locked=True).values_list("pk", flat=True)
    return Delivery.objects.filter(pk__in=list(ids[: 20 * AT_ONCE]))
