"""What the workers do for the console itself."""

import time
from contextlib import suppress
from typing import Any

from celery import shared_task
from celery.signals import worker_ready
from django.core.cache import cache
from redis import RedisError

from console.background import PULSE_KEY, PULSE_SECONDS, READER_PULSE_KEY
from console.sessions.engine import SessionStore

DOCUMENTS = "documents"
"""The queue of what may take minutes."""

_reader_pulses: list[Any] = []
"""What this process's timer has been asked for: a worker is ready anew after each loss of its broker."""


@shared_task(expires=PULSE_SECONDS)
def pulse() -> None:
    """Say that broker and workers work: /healthz reads it."""
    cache.set(PULSE_KEY, time.time(), timeout=None)


@shared_task
def forget_sessions() -> None:
    """Those that have expired."""
    SessionStore.clear_expired()


@worker_ready.connect
def _first_pulse(**_: object) -> None:
    pulse.delay()


@worker_ready.connect
def _pulse_as_reader(sender: Any, **_: object) -> None:
    """Say again and again that this worker takes documents. A task could not: it would wait behind them."""
    while _reader_pulses:
        _reader_pulses.pop().cancel()
    if DOCUMENTS in {queue.name for queue in sender.task_consumer.queues}:
        _say_reader_lives()
        _reader_pulses.append(sender.timer.call_repeatedly(PULSE_SECONDS, _say_reader_lives))


def _say_reader_lives() -> None:
    with suppress(RedisError):
        cache.set(READER_PULSE_KEY, time.time(), timeout=None)
