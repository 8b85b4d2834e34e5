"""What the workers do for alerts in the background."""

from celery import shared_task

from analytics.alerts import models, rounds


@shared_task
def look() -> None:
    """Asked for several times a minute: of those who come for one minute, the first looks."""
    rounds.run()


@shared_task
def forget_old() -> None:
    models.forget_old()
