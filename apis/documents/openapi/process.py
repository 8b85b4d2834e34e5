"""Has a document read in a process of its own, which can take no more than its share and is always ended."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from apis import bounded
from apis.documents.openapi import limits

ASK_SECONDS = 0.5
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
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as answered:
        given.write(text.encode(errors="replace"))
        given.seek(0)
        process = subprocess.Popen(
            [sys.executable, *child],
            stdin=given,
            stdout=answered,
            stderr=subprocess.DEVNULL,
            cwd=bounded.PROJECT,
            env=bounded.environment(),
            start_new_session=True,
        )
        try:
            reason = _wait(process, is_wanted, wall_seconds)
        finally:
            bounded.end(process)
        if reason:
            return _fault(reason)
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
        return "reading it takes more than the memory that a document gets; split it"


def _fault(message: str) -> dict[str, Any]:
    return {"fault": {"message": message, "line": None, "column": None, "pointer": ""}}
