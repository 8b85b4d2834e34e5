"""What an administrator does with deliveries that wait or were given up: try again now, or drop."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from console import audit
from console.models import AuditEntry, User
from console.notices import outbox
from console.notices.models import A_DAY, Delivery, DeliveryQuerySet

AT_ONCE = 1000
State = Delivery.State


@transaction.atomic
def retry(actor: User, rows: DeliveryQuerySet) -> int:
    """Those that wait or failed, for a day from now. How many; none that is being sent right now."""
    now = timezone.now()
    found = _taken(rows.filter(state__in=(State.WAITING, State.FAILED)))
    for one in found:
        one.state, one.attempts, one.is_held, one.finished_at = State.WAITING, 0, False, None
        one.next_at, one.gives_up_at = now, now + A_DAY
    fields = ["state", "attempts", "is_held", "finished_at", "next_at", "gives_up_at"]
    Delivery.objects.bulk_update(found, fields, batch_size=200)
    for one in found:
        _record(actor, one, {"state": "tried again"})
    transaction.on_commit(outbox.ask)
    return len(found)


@transaction.atomic
def drop(actor: User, delivery: Delivery) -> None:
    """It is never sent, and its text forgotten. Raises ValidationError where it is being sent, or was."""
    found = _taken(Delivery.objects.filter(pk=delivery.pk, state__in=(State.WAITING, State.FAILED)))
    if not found:
        raise ValidationError("It was sent, or is being sent right now.")
    row = found[0]
    row.state, row.content, row.finished_at = State.DROPPED, {}, timezone.now()
    row.save(update_fields=["state", "content", "finished_at"])
    _record(actor, row, {"state": "dropped"})


def _taken(rows: DeliveryQuerySet) -> list[Delivery]:
    locked = rows.select_for_update(of=("self",), skip_locked=True).select_related(
        "organization", "environment"
    )
    return list(locked.select_related("destination", "organization", "environment")[:AT_ONCE])


def _record(actor: User, delivery: Delivery, after: dict[str, str]) -> None:
    audit.record(
        actor,
        AuditEntry.Action.UPDATE,
        delivery,
        organization=delivery.organization,
        environment=delivery.environment,
        after=after,
    )
