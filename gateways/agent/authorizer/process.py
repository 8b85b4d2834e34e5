"""The authorizer's process as the agent has it: started where a policy asks the network, watched, ended.

Like Envoy it outlives an agent that is killed; the next one starts another, which takes the socket over
before the old one goes.
"""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import gateways.agent
from gateways.agent.host import bound, state_folder
from gateways.agent.host.appended_files import cut_short
from gateways.agent.host.sockets import address
from gateways.agent.host.waiting import until
from policies.answers import memory
from policies.answers.question import SOCKET

MODULE = "gateways.agent.authorizer.server"
START_SECONDS, POLL_SECONDS, WATCH_SECONDS, LASTING_SECONDS = 15, 0.01, 0.1, 5
LOG_BYTES = 4 * 1024 * 1024
_CODE = Path(gateways.agent.__file__).parents[2]

log = logging.getLogger(__name__)


class Authorizer:
    """Thread-safe. With `played` it ends with us, and asks nobody but the player at that socket."""

    def __init__(self, state: Path, played: Path | None = None) -> None:
        self._state = state
        self._played = played
        self._lock = threading.RLock()
        self._child: subprocess.Popen[bytes] | None = None
        self._is_wanted = False
        self._watching: threading.Thread | None = None
        self._over = threading.Event()
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def want(self) -> None:
        """Have one run. Returns when it takes questions, or after its time to start. Harmless on repeat."""
        with self._lock:
            if self._is_wanted or self._over.is_set():
                return
            self._is_wanted = True
            try:
                memory.prepare(self._state)
            except OSError as error:
                log.warning("answers=unprepared state=%s reason=%r", self._state, str(error))
            self._launch()
            if not until(self._answers, START_SECONDS, POLL_SECONDS):
                log.error("authorizer=silent seconds=%d log=%s", START_SECONDS, self._log)
            if self._watching is None:
                self._watching = threading.Thread(target=self._watch, name="authorizer-watch", daemon=True)
                self._watching.start()

    def unwant(self) -> None:
        """End the process, also one that an earlier agent left."""
        with self._lock:
            self._is_wanted = False
            self._end()
            self._child = None

    def close(self) -> None:
        self._over.set()
        self.unwant()

    @property
    def _log(self) -> Path:
        return self._state / "authorizer.log"

    @property
    def _pid_file(self) -> Path:
        return self._state / "authorizer.pid"

    def _launch(self) -> None:
        before = self._noted()
        command = [sys.executable, "-m", MODULE, str(self._state.absolute())]
        if self._played:
            command += ["--played", str(self._played)]
        with self._log.open("ab") as output:
            options = {"cwd": _CODE, "stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            if self._played:
                self._child = bound.start(command, signal.SIGKILL, start_new_session=True, **options)
            else:
                self._child = subprocess.Popen(command, start_new_session=True, **options)  # type: ignore[call-overload]
        child = self._child
        if before is not None:
            # It serves until the new one has its socket.
            until(
                lambda: self._listener() == child.pid or child.poll() is not None, START_SECONDS, POLL_SECONDS
            )
            _kill(before, signal.SIGTERM)
        with contextlib.suppress(OSError):
            state_folder.write_bytes(self._pid_file, str(child.pid).encode())
        log.info("authorizer=started pid=%s", child.pid)

    def _answers(self) -> bool:
        if self._child is not None and self._child.poll() is not None:
            return True  # The watch tells of it, and starts another.
        return self._listener() == self.pid

    def _listener(self) -> int | None:
        """The process that listens at the socket."""
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            with address(self._state / SOCKET) as place:
                probe.connect(place)
            credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            return int.from_bytes(credentials[:4], sys.byteorder)
        return None

    def _watch(self) -> None:
        """Starts it again when it is gone: at once, and with growing pauses while it does not last."""
        pause, launched = 0.0, 0.0
        while not self._over.wait(WATCH_SECONDS):
            cut_short(self._log, LOG_BYTES)
            if not self._is_wanted or self.pid is not None:
                continue
            lasted = time.monotonic() - launched > LASTING_SECONDS
            pause = 0.0 if lasted else min(30.0, 2 * pause + 1)
            if self._over.wait(pause):
                return
            with self._lock:
                if not self._is_wanted:
                    continue
                log.error("authorizer=died log=%s", self._log)
                launched = time.monotonic()
                try:
                    self._launch()
                except OSError as error:
                    log.error("authorizer=unstarted reason=%r", str(error))
                    continue
                self.restarts += 1

    def _noted(self) -> int | None:
        """The process that this folder's file names, if it is an authorizer of this folder."""
        try:
            pid = int(self._pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        is_ours = command[1:4] == [b"-m", MODULE.encode(), os.fsencode(self._state.absolute())]
        return pid if is_ours else None

    def _end(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._left():
                _kill(pid, number)
            if until(lambda: not self._left(), 3, POLL_SECONDS):
                break
        self._pid_file.unlink(missing_ok=True)
        (self._state / SOCKET).unlink(missing_ok=True)

    def _left(self) -> set[int]:
        """What is to end: our child, and what the file names, which a full disk may have kept out."""
        return {pid for pid in (self.pid, self._noted()) if pid is not None}


def _kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
