"""What the workers do for the console itself."""

import time

from celery import shared_task
from celery.signals import worker_ready
from django.core.cache import cache

from console.parts import PULSE_KEY, PULSE_SECONDS


@shared_task(expires=PULSE_SECONDS)
def pulse() -> None:
    """Say that broker and workers work: /healthz reads it."""
    cache.set(PULSE_KEY, time.time(), timeout=None)


@worker_ready.connect
def _first_pulse(**_: object) -> None:
    pulse.delay()
