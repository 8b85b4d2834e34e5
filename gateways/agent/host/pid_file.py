"""A file that one process at a time holds; its process id stands in it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InUse(RuntimeError):
    """Another process holds the file; the text is its id, or "?"."""


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Holds the file for this process until the block ends, or the process does. Raises InUse."""
    with path.open("a+", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise InUse(file.read().strip() or "?") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
