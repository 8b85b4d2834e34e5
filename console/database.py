"""Bounds how long a request waits for the database: a server that hangs sends no error by itself."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import Error, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

PROBE_SECONDS = 2


class _Patience(threading.local):
    """How long this thread waits for one answer; None: as long as it takes, as workers do."""

    seconds: float | None = None


_patience = _Patience()


@contextmanager
def waiting_at_most(seconds: float) -> Iterator[None]:
    """Each answer of the database; a later one is an OperationalError, and its connection is lost."""
    before, _patience.seconds = _patience.seconds, seconds
    try:
        yield
    finally:
        _patience.seconds = before


def answers() -> bool:
    """Whether a new connection can be had and answers."""
    probe = connection.copy()
    try:
        with waiting_at_most(PROBE_SECONDS), probe.cursor() as cursor:
            cursor.execute("select 1")
    except Error:
        return False
    finally:
        probe.close()
    return True


@receiver(connection_created)
def _bound(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Have the driver give up when the thread's patience ends."""
    raw = connection.connection
    unbound = raw.wait

    def wait(*args: Any, **options: Any) -> Any:
        if _patience.seconds is None:
            return unbound(*args, **options)
        began = time.monotonic()
        try:
            return unbound(*args, **{"timeout": _patience.seconds} | options)
        except psycopg.OperationalError:
            if time.monotonic() - began >= _patience.seconds:
                raw.pgconn.finish()
            raise

    raw.wait = wait
