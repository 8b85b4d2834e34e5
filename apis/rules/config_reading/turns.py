"""Whose turn it is to have a configuration read apart, in one process of the console.

Most of its threads are kept for pages, however many documents are sent, and one tenant's keep nobody else's
waiting: all of its organizations together have a few.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from apis.rules.config_reading import limits

OF_TENANT = (
    f"{limits.MOST_OF_TENANT} documents of your organization and those beside it are being read; "
    "send this one again in some seconds"
)
OF_ALL = "other documents are being read; send this one again in some seconds"
_lock = threading.Lock()
_in_line: Counter[UUID] = Counter()
_reading = threading.BoundedSemaphore(limits.MOST_READ)


class Full(Exception):
    """There is none; the text says what to do."""


@contextmanager
def turn(tenant: UUID) -> Iterator[None]:
    """Waits for it where few are before. Raises Full."""
    with _lock:
        if _in_line[tenant] >= limits.MOST_OF_TENANT:
            raise Full(OF_TENANT)
        if _in_line.total() >= limits.MOST_IN_LINE:
            raise Full(OF_ALL)
        _in_line[tenant] += 1
    try:
        with _reading:
            yield
    finally:
        with _lock:
            _in_line[tenant] -= 1
            if not _in_line[tenant]:
                del _in_line[tenant]
