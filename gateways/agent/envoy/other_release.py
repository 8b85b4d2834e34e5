"""The Envoy of another release of the gateway: it serves on until ours does, and then leaves.

Under its listeners our routes would lack policies. So each release has a folder of its own for what it tells
its Envoy, both Envoys listen on the same ports for a while, and the older one takes no new connections once
the newer one has its routes. Clients whose connections are open are told to come back, as in any drain.
"""

import contextlib
import logging
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateways.agent.envoy import drain
from gateways.agent.envoy.admin import Admin, AdminUnreachable
from gateways.agent.host.waiting import until

BOOTSTRAP = "bootstrap.json"
SOCKET = "admin.sock"
POLL_SECONDS = 0.1
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OtherRelease:
    """`folder` holds its configuration and, while it leaves, its admin socket."""

    pid: int
    folder: Path

    @property
    def admin(self) -> Admin:
        return Admin(self.folder / SOCKET)

    def see_off(self, drain_seconds: float, hurrying: threading.Event) -> None:
        """Ends it when its clients have gone or are quiet, at the latest after so many seconds."""
        log.info("envoy=leaving pid=%s reason=release", self.pid)
        farewell = drain.Leaving(self.admin, self.folder, closes_listeners=True)
        until(
            lambda: hurrying.is_set() or not runs_from(self.pid, self.folder) or farewell.is_over(),
            drain_seconds,
            POLL_SECONDS,
        )
        with contextlib.suppress(AdminUnreachable):
            self.admin.quit()
        for number in (signal.SIGTERM, signal.SIGKILL):
            if until(lambda: not runs_from(self.pid, self.folder), 2, POLL_SECONDS):
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)
        _remove(self.folder)
        log.info("envoy=replaced pid=%s reason=release", self.pid)


def running(state: Path, own: Path, *, has_admin: bool) -> list[OtherRelease]:
    """Those that run from this state folder. What others left in it is removed.

    `has_admin` says that the admin socket in it is our own Envoy's, which is known to run.
    """
    found = []
    for folder in _others(state, own):
        pid = next((pid for pid in _processes() if runs_from(pid, folder)), None)
        if pid is None:
            _remove(folder)
            continue
        if not has_admin and not (folder / SOCKET).exists():
            with contextlib.suppress(FileNotFoundError):
                (state / SOCKET).rename(folder / SOCKET)
        found.append(OtherRelease(pid, folder))
    return found


def runs_from(pid: int, folder: Path) -> bool:
    """Whether the process is an Envoy that was started from this folder's bootstrap.

    Somebody who reads that file has its name on the command line, too.
    """
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return command[1:3] == [b"-c", os.fsencode(folder / BOOTSTRAP)]


def _others(state: Path, own: Path) -> Iterator[Path]:
    """A release of before had no folder of its own: its files stand beside those folders."""
    for bootstrap in (state / "envoy" / BOOTSTRAP, *(state / "envoy").glob(f"*/{BOOTSTRAP}")):
        if bootstrap.parent != own and bootstrap.exists():
            yield bootstrap.parent


def _processes() -> Iterator[int]:
    return (int(process.name) for process in Path("/proc").glob("[0-9]*"))


def _remove(folder: Path) -> None:
    if folder.name != "envoy":
        shutil.rmtree(folder, ignore_errors=True)
        return
    for file in folder.iterdir():
        if not file.is_dir():
            file.unlink(missing_ok=True)
