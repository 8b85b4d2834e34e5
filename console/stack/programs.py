"""A program of the stack: how it is started, logged and stopped."""

import logging
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

from console.stack.account import Account
from gateways.agent.host import bound

LOG_BYTES = 5_000_000


@dataclass(frozen=True)
class Program:
    """`environment` replaces ours when given; `stage` says when it stops: the highest first."""

    name: str
    args: tuple[str, ...]
    folder: Path = Path("/")
    environment: Mapping[str, str] | None = None
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10
    stage: int = 0


class Child:
    """A running program. Its output goes to `<name>.log`; the last lines are kept for a crash report."""

    def __init__(self, program: Program, logs: Path, echo: Callable[[str, str], None] | None = None) -> None:
        self.program = program
        self.started_at = time.monotonic()
        self.last_lines: deque[str] = deque(maxlen=8)
        self._process = bound.start(
            program.args,
            program.stop_signal,
            cwd=program.folder,
            env=program.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **(program.account.popen if program.account else {}),
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._keep_output, args=(logs, echo), daemon=True)
        self._reader.start()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    @property
    def ran_seconds(self) -> float:
        return time.monotonic() - self.started_at

    def ask_to_stop(self) -> None:
        if self.exit_code is None:
            self._process.send_signal(self.program.stop_signal)

    def kill(self) -> None:
        """End it and what it started in its session, at once."""
        os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def _keep_output(self, logs: Path, echo: Callable[[str, str], None] | None) -> None:
        """Whatever becomes of it: a program whose output nobody reads stands still."""
        file = _LogFile(logs / f"{self.program.name}.log", maxBytes=LOG_BYTES, backupCount=1, delay=True)
        stream = self._process.stdout
        assert stream is not None
        with stream:
            for raw in stream:
                line = raw.decode(errors="replace").rstrip("\n")
                self.last_lines.append(line)
                file.handle(_record(line))
                if echo:
                    with suppress(OSError):
                        echo(self.program.name, line)
        with suppress(OSError):
            file.close()


class _LogFile(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 its name in logging
        """A line that a full disk does not take is lost, without a traceback for each."""


def _record(line: str) -> logging.LogRecord:
    return logging.LogRecord("stack", logging.INFO, "", 0, line, None, None)
