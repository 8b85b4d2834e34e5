"""What the workers do for notices."""

from celery import shared_task

from console.notices import outbox, tending


@shared_task(expires=60)
def deliver() -> None:
    """Send what is due; safe to run twice, and by many at once."""
    if outbox.work():
        outbox.ask()


@shared_task
def tend() -> None:
    """Give up and forget what is beyond its bounds."""
    tending.tend()
