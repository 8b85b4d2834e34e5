"""Celery beat's schedule, kept in the state folder."""

from celery.beat import PersistentScheduler
from django.conf import settings


class Scheduler(PersistentScheduler):
    """Makes the state folder: on a machine that runs beat alone, nobody else has."""

    def setup_schedule(self) -> None:
        settings.HOME.mkdir(parents=True, exist_ok=True)
        super().setup_schedule()
