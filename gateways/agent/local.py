"""Local Mode: serves a folder of YAML files and takes every change of it into force."""

import logging
import sys
import threading
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from watchfiles import watch

from gateways.agent.apply import Applier
from gateways.agent.envoy.process import Envoy
from gateways.agent.host import signals, state_folder
from gateways.agent.settings import RunSettings
from gateways.agent.sources import files
from gateways.agent.traffic.uplink import Uplink
from gateways.agent.translate.apis import LastTranslation, translate
from gateways.agent.translate.held import Unknown
from gateways.protocol.messages import Ack, ResourceAck
from gateways.protocol.resources import digest

IDLE_SECONDS = 1
"""How often, without news from the folder, it is looked at and what was refused is tried again."""

log = logging.getLogger(__name__)

Stamps = dict[Path, tuple[int, int]]


class NoFolder(RuntimeError):
    """There is no such folder to serve."""


def run(settings: RunSettings, folder: Path) -> None:
    """Serves until SIGTERM or SIGINT, then drains; killed, it leaves Envoy serving.

    Raises NoFolder, StateInUse, StateUnusable, EnvoyFailed.
    """
    if not folder.is_dir():
        raise NoFolder(f"{folder} is not a folder; give one that holds .yaml files")
    with state_folder.locked(settings.state):
        replica = state_folder.replica_id(settings.state)
        envoy = Envoy(
            settings.state,
            replica,
            concurrency=settings.concurrency,
            drain_seconds=settings.drain_seconds,
            limits=settings.limits,
        )
        uplink = Uplink(settings.state, None, replica, reopen=envoy.reopen_logs)
        stopping = threading.Event()
        signals.on_signals(stopping, envoy.hurry)
        envoy.start()
        uplink.start()
        applier = Applier(envoy, settings.proxying)
        try:
            LocalReplica(applier, folder).serve(settings.debounce_seconds, stopping)
        finally:
            applier.documents.close()
            envoy.stop()
            applier.authorizer.close()
            applier.sharing.close()
            uplink.stop()


class LocalReplica:
    """Tells what it does on standard output, and what is wrong with the files on standard error."""

    def __init__(self, applier: Applier, folder: Path) -> None:
        self._applier = applier
        self._folder = folder
        self._told: tuple[ResourceAck, ...] = ()
        self._seen: Stamps = {}
        self._said: frozenset[str] = frozenset()
        self._is_sound = True
        self._files = files.FolderReader()
        self._last_translation = LastTranslation()
        self._is_settled = True

    def serve(self, debounce_seconds: float, stopping: threading.Event) -> None:
        self._applier.restore()
        self.refresh()
        quiet = max(1, round(debounce_seconds * 1000))
        for changes in watch(
            self._folder,
            step=quiet,
            debounce=max(1600, 10 * quiet),
            stop_event=stopping,
            watch_filter=None,
            yield_on_timeout=True,
            rust_timeout=IDLE_SECONDS * 1000,
            raise_interrupt=False,
        ):
            # The stamps show what changed before the watch began, and where a file system tells nothing.
            is_news = any(files.is_read(Path(path).name) for _, path in changes)
            if is_news or _stamps(self._folder) != self._seen:
                self.refresh()
            else:
                self._tell(self._applier.retry())
                self._settle()

    def refresh(self) -> None:
        """Applies the folder as it is now. APIs that an unreadable document may be about stay as they are."""
        before, self._seen = self._seen, _stamps(self._folder)
        try:
            loaded = self._files.load(self._folder)
        except OSError as error:
            log.error("folder=%s error=%s; what runs goes on", error.filename, error.strerror)
            return
        faults = translate(loaded.resources, self._last_translation, self._applier.trusted).faults
        changed = {path for path, stamp in self._seen.items() if before.get(path) != stamp}
        self._say([*loaded.diagnostics, *loaded.located(faults)], changed)
        try:
            waiting = loaded.held()
        except Unknown:
            sys.stderr.write("gatewright: nothing is changed until these files are mended\n")
            return
        wanted = digest(loaded.resources)
        is_news = wanted != self._applier.digest
        generation = self._applier.generation + (1 if is_news else 0)
        self._tell(self._applier.apply(loaded.resources, generation, wanted, waiting))
        self._is_settled = False

    def _say(self, found: Sequence[files.Diagnostic], changed: Collection[Path]) -> None:
        """What is wrong, once; again of a file that was changed and has it still."""
        for one in found:
            if one.file in changed or str(one) not in self._said:
                sys.stderr.write(f"{one}\n")
        self._said, was_sound = frozenset(map(str, found)), self._is_sound
        self._is_sound = all(one.is_warning for one in found)
        if self._is_sound and not was_sound:
            sys.stdout.write("nothing is wrong with the files any more\n")
            sys.stdout.flush()

    def _settle(self) -> None:
        if not self._is_settled:
            self._applier.settle()
            self._is_settled = True

    def _tell(self, ack: Ack | None) -> None:
        if ack is None or (ack.applied and ack.resources == self._told):
            return
        if not ack.applied:
            sys.stderr.write(f"gatewright: nothing is changed: {ack.reason}\n")
            return
        self._told = ack.resources
        sys.stdout.write(f"generation {ack.generation} is in force after {ack.duration_ms} ms\n")
        for one in ack.resources:
            sys.stdout.write(f"  {_line(one)}\n")
        sys.stdout.flush()


def _stamps(folder: Path) -> Stamps:
    """What tells one state of the folder's files from another; a folder that cannot be read has none."""
    stamps: Stamps = {}
    with suppress(OSError):
        for path in files.files(folder):
            # A link that leads nowhere has no file to look at.
            found = path.stat() if path.exists() else path.lstat()
            stamps[path] = found.st_mtime_ns, found.st_ino
    return stamps


def _line(ack: ResourceAck) -> str:
    if ack.state == "applied":
        return f"{ack.namespace}/{ack.name}: applied"
    kept = (
        "is not served" if ack.running_generation is None else f"generation {ack.running_generation} goes on"
    )
    return f"{ack.namespace}/{ack.name}: refused, {kept}: {ack.reason}"
