"""Has a document read in a process of its own, which can take no more than its share and is always ended."""

import json
import logging
from collections.abc import Callable
from typing import Any

from apis import bounded
from apis.bounded import Unwanted
from apis.documents.openapi import limits
from apis.documents.openapi.limits import TOO_MUCH_MEMORY

logger = logging.getLogger(__name__)

CHILD = ("-m", "apis.documents.openapi.child")
"""The options that Python is started with."""
__all__ = ["Unwanted", "read"]


def read(
    text: str,
    is_wanted: Callable[[], bool] = lambda: True,
    child: tuple[str, ...] = CHILD,
    wall_seconds: float = limits.WALL_SECONDS,
) -> Any:
    """What `apis.documents.openapi.child` answers; a `fault` too where it was ended. Raises Unwanted."""
    answer = bounded.ask(
        child,
        text.encode(errors="replace"),
        wall_seconds=wall_seconds,
        answer_bytes=limits.RESULT_BYTES,
        is_wanted=is_wanted,
    )
    if answer.why:
        message = _words(answer, wall_seconds)
        return {"fault": {"message": message, "line": None, "column": None, "pointer": ""}}
    return json.loads(answer.content)


def _words(answer: bounded.ProcessAnswer, wall_seconds: float) -> str:
    if answer.why == "time":
        return f"reading it takes longer than {wall_seconds:g} s; split it"
    if answer.why == "computing":
        return f"reading it takes more than {limits.CPU_SECONDS} s of computing; split it"
    if answer.why == "memory":
        return TOO_MUCH_MEMORY
    logger.error("a document was not read, which is a bug\n%s", answer.complaint)
    return "reading it broke, and that is no fault of the document; the worker's log says how"
