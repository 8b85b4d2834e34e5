"""What the workers do for personal tokens."""

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from console.tokens import changes, emptied
from console.tokens.models import PersonalToken


@shared_task
def tend() -> None:
    """Tell of those that end soon, forget those that are long over; safe to run twice."""
    now = timezone.now()
    changes.warn(now)
    emptied.end_of_strangers()
    past = now - PersonalToken.KEPT
    PersonalToken.objects.filter(Q(expires_at__lt=past) | Q(ended_at__lt=past)).delete()
