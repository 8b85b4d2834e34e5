"""What of notices and deliveries is forgotten, and what is given up: every table has its bound."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone

from console.notices import inbox
from console.notices.models import Delivery, Notice

KEEP_SENT, KEEP_OTHERS = timedelta(days=7), timedelta(days=30)
MOST_WAITING = 10_000
"""Of one organization; the oldest beyond are given up, and can be tried again by hand."""
MOST_ROWS = 200_000
AT_ONCE = 5000
State = Delivery.State


def tend(most_waiting: int = MOST_WAITING, most_rows: int = MOST_ROWS) -> None:
    now = timezone.now()
    _give_up(now, most_waiting)
    _delete(Delivery.objects.filter(state=State.SENT, finished_at__lt=now - KEEP_SENT))
    _delete(Delivery.objects.exclude(state=State.WAITING).filter(finished_at__lt=now - KEEP_OTHERS))
    _keep_newest(most_rows)
    _delete(Notice.objects.filter(at__lt=now - inbox.KEPT))
    _shorten_inboxes()


def _give_up(now: datetime, most: int) -> None:
    counted = Delivery.objects.waiting().order_by().values("organization").annotate(found=Count("pk"))
    for one in counted.filter(found__gt=most):
        rows = Delivery.objects.waiting().filter(organization=one["organization"])
        oldest = rows.order_by("created_at").values("pk")[: one["found"] - most]
        words = f"More than {most} messages waited; the oldest were given up."
        free = Delivery.objects.filter(pk__in=list(oldest.values_list("pk", flat=True)))
        locked = list(free.select_for_update(skip_locked=True).values_list("pk", flat=True))
        rows.filter(pk__in=locked).update(state=State.FAILED, answer=words, finished_at=now)


def _keep_newest(most: int) -> None:
    """Of what is finished."""
    done = Delivery.objects.exclude(state=State.WAITING).order_by("-created_at", "-id")
    last = done.values_list("created_at", flat=True)[most : most + 1].first()
    if last:
        _delete(done.filter(created_at__lte=last))


def _shorten_inboxes() -> None:
    counted = Notice.objects.order_by().values("user").annotate(found=Count("pk"))
    for one in counted.filter(found__gt=inbox.MOST):
        own = Notice.objects.filter(user=one["user"]).order_by("-at", "-id")
        _delete(Notice.objects.filter(pk__in=list(own.values_list("pk", flat=True)[inbox.MOST :])))


def _delete(rows: QuerySet[Any]) -> None:
    """In transactions that hold few rows."""
    while rows.model._default_manager.filter(
        pk__in=list(rows.values_list("pk", flat=True)[:AT_ONCE])
    ).delete()[0]:
        pass
