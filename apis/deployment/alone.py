"""One worker at a time does a kind of work for a gateway or a CA: PostgreSQL's advisory lock says which, and
lets go when that worker dies.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

SNAPSHOTS, BOOKS, CERTIFICATES = 0x6A7E, 0x6A7F, 0x6A80
"""Our half of the advisory lock's key, so that other users of the database do not meet us; of each kind."""


@contextmanager
def alone(kind: int, whose: int) -> Iterator[bool]:
    """Takes the lock of whom the number names for the block; False when another worker has it."""
    key = [kind, whose & 0x7FFFFFFF]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        (is_ours,) = cursor.fetchone()
        try:
            yield is_ours
        finally:
            if is_ours:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
