"""Has a store read in a process of its own, which can take no more than its share and is always ended.

What it holds goes through memory alone: a key touches no disk.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from apis import bounded
from apis.secret_groups.reading import limits
from apis.secret_groups.reading.asked import Asked
from apis.secret_groups.reading.fault import StoreFault

CHILD = ("-m", "apis.secret_groups.reading.child")
TOO_MUCH = (
    "opening it takes more than {} s of computing: its passphrase is stretched too often. Export it anew, "
    "for example with openssl pkcs12 -export -iter 10000."
)
OTHERS_FIRST = "other files are being read; send this one again in some seconds."
_waiting = threading.BoundedSemaphore(limits.MOST_READ + limits.MOST_WAITING)
_reading = threading.BoundedSemaphore(limits.MOST_READ)


def read(asked: Asked, wall_seconds: float = limits.WALL_SECONDS) -> dict[str, Any]:
    """{"content", "told"}. Raises StoreFault."""
    for name, content in asked.files.items():
        if len(content) > limits.MOST_BYTES:
            raise StoreFault(name, f"the file is larger than {limits.MOST_BYTES // 1024} KB.")
    for name in ("passphrase", "key_passphrase"):
        if len(getattr(asked, name)) > limits.LONGEST_PASSPHRASE:
            raise StoreFault(name, f"it is longer than {limits.LONGEST_PASSPHRASE} characters.")
    with _turn(asked):
        answer = bounded.ask(
            CHILD, asked.written(), wall_seconds=wall_seconds, answer_bytes=limits.ANSWER_BYTES
        )
    if answer.why in ("time", "computing"):
        raise StoreFault(_main(asked), TOO_MUCH.format(limits.CPU_SECONDS))
    if answer.why:
        raise StoreFault(_main(asked), "it cannot be read: it is damaged, or of a kind that nobody knows.")
    found: dict[str, Any] = json.loads(answer.content)
    if fault := found.get("fault"):
        raise StoreFault(fault["field"], fault["message"])
    return found


@contextmanager
def _turn(asked: Asked) -> Iterator[None]:
    """Keeps most threads of a worker for pages, however many stores are sent, and however slow."""
    if not _waiting.acquire(blocking=False):
        raise StoreFault(_main(asked), OTHERS_FIRST)
    try:
        with _reading:
            yield
    finally:
        _waiting.release()


def _main(asked: Asked) -> str:
    return "store" if "store" in asked.files else "certificate"
