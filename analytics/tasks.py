"""What the workers do for analytics in the background."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from analytics import partitions, rollups
from analytics.models import LogOffset

KEEP_OFFSETS = timedelta(days=30)


@shared_task
def roll_up() -> None:
    rollups.roll_up()


@shared_task
def tend_partitions() -> None:
    """Make the next days' partitions; drop what is too old or too much; forget finished log files."""
    partitions.make_ahead()
    partitions.drop_old()
    LogOffset.objects.filter(updated_at__lt=timezone.now() - KEEP_OFFSETS).delete()
