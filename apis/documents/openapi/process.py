"""Has a document read in a process of its own, which can take no more than its share and is always ended."""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import IO, Any

from apis import bounded
from apis.documents.openapi import limits
from apis.documents.openapi.limits import TOO_MUCH_MEMORY

logger = logging.getLogger(__name__)

ASK_SECONDS = 0.5
LONGEST_COMPLAINT = 4000
CHILD = ("-m", "apis.documents.openapi.child")
"""The options that Python is started with."""


class Unwanted(Exception):
    """Nobody waits for the answer any more."""


def read(
    text: str,
    is_wanted: Callable[[], bool] = lambda: True,
    child: tuple[str, ...] = CHILD,
    wall_seconds: float = limits.WALL_SECONDS,
) -> Any:
    """What `apis.documents.openapi.child` answers; a `fault` too where it was ended. Raises Unwanted."""
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as answered,
        tempfile.TemporaryFile() as complained,
    ):
        given.write(text.encode(errors="replace"))
        given.seek(0)
        process = subprocess.Popen(
            [sys.executable, *child],
            stdin=given,
            stdout=answered,
            stderr=complained,
            cwd=bounded.PROJECT,
            env=bounded.environment(),
            start_new_session=True,
        )
        try:
            reason = _wait(process, is_wanted, wall_seconds)
        finally:
            bounded.end(process)
        if reason:
            return _fault(_broken(complained) if process.returncode == 1 else reason)
        answered.seek(0)
        return json.loads(answered.read(limits.RESULT_BYTES))


def _wait(process: "subprocess.Popen[bytes]", is_wanted: Callable[[], bool], wall_seconds: float) -> str:
    """Why there is no answer; "" when there is one."""
    limit = time.monotonic() + wall_seconds
    while True:
        try:
            code = process.wait(ASK_SECONDS)
        except subprocess.TimeoutExpired:
            if time.monotonic() > limit:
                return f"reading it takes longer than {wall_seconds:g} s; split it"
            if not is_wanted():
                raise Unwanted from None
            continue
        if code == 0:
            return ""
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return f"reading it takes more than {limits.CPU_SECONDS} s of computing; split it"
        return TOO_MUCH_MEMORY


def _broken(complained: IO[bytes]) -> str:
    """Why Python itself ended: it had no memory left for an answer, or we made a mistake."""
    complained.seek(max(0, complained.seek(0, os.SEEK_END) - LONGEST_COMPLAINT))
    text = complained.read().decode(errors="replace").strip()
    if text.rpartition("\n")[2].startswith("MemoryError"):
        return TOO_MUCH_MEMORY
    logger.error("a document was not read, which is a bug\n%s", text)
    return "reading it broke, and that is no fault of the document; the worker's log says how"


def _fault(message: str) -> dict[str, Any]:
    return {"fault": {"message": message, "line": None, "column": None, "pointer": ""}}
