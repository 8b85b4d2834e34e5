"""Ships the traffic that the access log tells of to the console, each line counted once.

The log file is the spool and the console's committed offset the only bookmark: a batch covers the bytes
from that offset, and the console takes it only if it does. So whatever dies, and whenever, the next
batch starts where the last committed one ended.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from gateways.agent.envoy.admin import AdminUnreachable
from gateways.agent.host.appended_files import is_torn, lines
from gateways.agent.link.client import ConsoleRefused, Unreachable
from gateways.agent.traffic.labels import Labels, catalog_refusals
from gateways.agent.traffic.log_files import LogFile, LogFiles
from gateways.agent.traffic.log_loss import LostLines
from gateways.agent.traffic.tally import Tally
from gateways.protocol.messages import TrafficAnswer, TrafficBatch

INTERVAL_SECONDS = 2.0
LAST_SECONDS = 5.0
FLUSHED_SECONDS = 0.05
CHUNK_BYTES = 1024 * 1024
SAMPLES_PER_SECOND = 25
SAMPLES_PER_BATCH = 500
SLOWEST_RETRY_SECONDS = 10.0

Send = Callable[[bytes], dict[str, Any]]

log = logging.getLogger(__name__)


class Uplink:
    """Counts what Envoy logged and posts it, every INTERVAL_SECONDS, from a thread of its own.

    `send` posts one body and returns the console's answer, or raises Unreachable or ConsoleRefused; None in
    Local Mode, where the log is only rotated. `stats` asks Envoy for its own, `tells_services` whether the
    console counts by upstream. `shed` is how many lines
    were not counted, by reason, since the start: "disk" (deleted before they could be shipped, or never
    written), "malformed", "refused" (by the console), "overlong".
    """

    def __init__(
        self,
        state: Path,
        send: Send | None,
        replica_id: str,
        *,
        reopen: Callable[[], object],
        stats: Callable[[str], Mapping[str, int | str]] | None = None,
        files: LogFiles | None = None,
        tells_services: Callable[[], bool] = lambda: True,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self.shed: dict[str, int] = {}
        self._send = send
        self._replica_id = replica_id
        self._tells_services = tells_services
        self._files = files or LogFiles(state, reopen)
        self._chunk_bytes = self._full_chunk_bytes = chunk_bytes
        self._labels = Labels(catalog_refusals() if send else ())
        self._committed: dict[int, int] = {}
        self._shipped: set[int] = set()
        self._samples = float(SAMPLES_PER_BATCH)
        self._sampled_at = time.monotonic()
        self._look_at = 0.0
        self._stopping = threading.Event()
        self._lost = LostLines(self._files, stats, self._wait_for_flush) if stats else None
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ship what is left, for LAST_SECONDS at most, and end the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2 * LAST_SECONDS)

    def ship(self) -> bool:
        """Tend the files and ship one batch. Whether more waits. Raises Unreachable or ConsoleRefused."""
        self._files.rotate()
        self._drop_over_limit()
        if self._send is None:
            return False
        for file in self._files.files():
            if file.id not in self._shipped and self._ship(file, self._send):
                return True
        return False

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            pause = self._step(pause)
        deadline = time.monotonic() + LAST_SECONDS
        while time.monotonic() < deadline and self._step(0.0) == 0.0:
            pass

    def _step(self, pause: float) -> float:
        """Ship once; after how many seconds to do it again."""
        try:
            self._look_for_lost()
            return 0.0 if self.ship() else INTERVAL_SECONDS
        except OSError as error:
            pause = INTERVAL_SECONDS
            log.error("uplink=waiting retry_seconds=%.0f reason=%r", pause, str(error))
        except (Unreachable, ConsoleRefused) as error:
            pause = min(max(2 * pause, INTERVAL_SECONDS), SLOWEST_RETRY_SECONDS)
            log.warning("uplink=waiting retry_seconds=%.0f reason=%r", pause, str(error))
        except Exception:
            pause = SLOWEST_RETRY_SECONDS
            log.exception("uplink=failed retry_seconds=%.0f", pause)
        return pause

    def _look_for_lost(self) -> None:
        """Tell of what the disk did not take."""
        if self._lost is None or time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + INTERVAL_SECONDS
        before = self._lost.total
        try:
            self._lost.look()
        except AdminUnreachable:
            return
        if self._lost.total > before:
            self._add_shed([("disk", self._lost.total - before)])

    def _wait_for_flush(self) -> None:
        self._stopping.wait(FLUSHED_SECONDS)

    def _ship(self, file: LogFile, send: Send) -> bool:
        """Ship the next batch of this file. False when there is nothing new in it."""
        start = self._committed.get(file.id)
        if start is None:
            start = self._commit(file, send, self._empty(file, 0, 0))
        size = file.path.stat().st_size
        if size < start:
            self._begin_anew(file)
            return True
        with file.path.open("rb") as stream:
            stream.seek(start)
            chunk = stream.read(self._chunk_bytes)
        whole = chunk.rfind(b"\n") + 1
        if whole:
            self._ship_lines(file, send, start, chunk[:whole])
            return True
        if len(chunk) == self._chunk_bytes or (chunk and file.is_finished):
            reason = "malformed" if file.is_finished else "overlong"
            self._commit(file, send, self._empty(file, start, start + len(chunk), {reason: 1}))
            return True
        if file.is_finished:
            self._shipped.add(file.id)
        return False

    def _ship_lines(self, file: LogFile, send: Send, start: int, lines: bytes) -> None:
        """A batch that the console refuses for its size is cut; one that it cannot read is given up."""
        end = start + len(lines)
        tally = Tally(self._labels, self._samples_allowed())
        for line in lines.split(b"\n")[:-1]:
            tally.add(line)
        batch = tally.batch(self._replica_id, str(file.id), start, end)
        if not self._tells_services():
            batch = batch.without_services()
        try:
            self._samples -= len(batch.samples)
            self._commit_either(file, send, batch)
            self._chunk_bytes = self._full_chunk_bytes
        except ConsoleRefused as refused:
            if refused.status == 413 and lines.count(b"\n") > 1:
                self._chunk_bytes = max(len(lines) // 2, lines.index(b"\n") + 1)
            elif refused.status in (400, 413, 422):
                log.error("uplink=refused start=%d end=%d reason=%r", start, end, str(refused))
                lost = {"refused": lines.count(b"\n")}
                self._commit(file, send, self._empty(file, start, end, lost))
            else:
                raise

    def _commit_either(self, file: LogFile, send: Send, batch: TrafficBatch) -> None:
        """Where consoles of two releases take turns, one that knew of services may be followed by one that
        does not.
        """
        try:
            self._commit(file, send, batch)
        except ConsoleRefused as refused:
            plain = batch.without_services()
            if refused.status not in (400, 422) or plain == batch:
                raise
            self._commit(file, send, plain)

    def _commit(self, file: LogFile, send: Send, batch: TrafficBatch) -> int:
        """Post the batch; the committed offset, which is not the batch's end if the console has another."""
        answer = TrafficAnswer.model_validate(send(batch.model_dump_json(by_alias=True).encode()))
        self._committed[file.id] = answer.committed
        if answer.committed == batch.end:
            self._add_shed(batch.shed.items())
        return answer.committed

    def _begin_anew(self, file: LogFile) -> None:
        """The file is shorter than what was shipped of it: someone emptied it. Count it as another."""
        log.warning("log=%s truncated=true", file.path.name)
        if file.is_finished:
            self._shipped.add(file.id)
        else:
            self._files.renumber()

    def _drop_over_limit(self) -> None:
        while file := self._files.oldest_over_limit():
            if self._send is not None and file.id not in self._shipped:
                start, size = self._committed.get(file.id, 0), file.path.stat().st_size
                torn = start < size and is_torn(file.path)
                self._add_shed([("disk", lines(file.path, start, size) + torn)])
            if self._lost:
                self._lost.count()
            self._files.drop(file)
            self._committed.pop(file.id, None)

    def _empty(self, file: LogFile, start: int, end: int, shed: dict[str, int] | None = None) -> TrafficBatch:
        return TrafficBatch(
            replica=self._replica_id, file=str(file.id), start=start, end=end, shed=shed or {}
        )

    def _samples_allowed(self) -> int:
        now = time.monotonic()
        self._samples += (now - self._sampled_at) * SAMPLES_PER_SECOND
        self._samples = min(self._samples, SAMPLES_PER_BATCH)
        self._sampled_at = now
        return int(self._samples)

    def _add_shed(self, counts: Iterable[tuple[str, int]]) -> None:
        """Replaces the dict: heartbeats read it from another thread."""
        for reason, count in counts:
            self.shed = {**self.shed, reason: self.shed.get(reason, 0) + count}
