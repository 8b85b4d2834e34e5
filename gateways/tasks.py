"""What the workers do for gateways in the background."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from gateways.models import RegistrationToken, Replica, SeenToken

KEEP_REPLICAS = timedelta(days=7)
KEEP_TOKENS = timedelta(days=7)


@shared_task
def forget_old() -> None:
    """Delete used-up request ids, replicas silent for a week, and registration tokens long expired."""
    now = timezone.now()
    SeenToken.objects.filter(expires_at__lt=now).delete()
    Replica.objects.filter(last_heartbeat_at__lt=now - KEEP_REPLICAS).delete()
    RegistrationToken.objects.filter(expires_at__lt=now - KEEP_TOKENS).delete()
