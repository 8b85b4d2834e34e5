"""What the workers do for gateways in the background."""

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.db.models import QuerySet
from django.utils import timezone

from gateways.models import RegistrationToken, Replica, SeenToken

KEEP_REPLICAS = timedelta(days=7)
KEEP_TOKENS = timedelta(days=7)
AT_ONCE = 10_000


@shared_task
def forget_old() -> None:
    """Delete used-up request ids, replicas silent for a week, and registration tokens long expired."""
    now = timezone.now()
    _delete(SeenToken.objects.filter(expires_at__lt=now))
    _delete(Replica.objects.filter(last_heartbeat_at__lt=now - KEEP_REPLICAS))
    _delete(RegistrationToken.objects.filter(expires_at__lt=now - KEEP_TOKENS))


def _delete(rows: QuerySet[Any]) -> None:
    """All of them, in transactions that hold few rows: a thousand gateways leave 700,000 ids an hour."""
    while rows.filter(pk__in=list(rows.values_list("pk", flat=True)[:AT_ONCE])).delete()[0]:
        pass
