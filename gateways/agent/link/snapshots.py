"""Takes the console's snapshots, pushed or pulled, and remembers which answers it has not heard yet."""

import json
import logging
import threading
from datetime import UTC, datetime

from pydantic import ValidationError

from gateways.agent.apply import Applier, StaleSnapshot
from gateways.agent.link.snapshot_reader import SnapshotReader
from gateways.protocol.faults import dotted, explained
from gateways.protocol.messages import Ack

log = logging.getLogger(__name__)


class Intake:
    """Thread-safe. `unsent` is the newest answer that the console has still to be told."""

    def __init__(self, applier: Applier, gateway_id: str, replica_id: str) -> None:
        self.applier = applier
        self.unsent: Ack | None = None
        self._gateway_id = gateway_id
        self._replica_id = replica_id
        self._lock = threading.Lock()
        self._reader = SnapshotReader()

    def restore(self) -> None:
        """Bring into force what ran last."""
        with self._lock:
            self.unsent = self.applier.restore()
        self.settle()

    def push(self, body: bytes) -> Ack:
        """Apply a snapshot that was sent. Raises StaleSnapshot.

        The answer waits in `unsent` until `sent` is called, should it not get through at once.
        """
        with self._lock:
            self.unsent = self._take(body)
            return self.unsent

    def pull(self, body: bytes) -> bool:
        """Apply a snapshot that was fetched; whether it was taken. The answer waits in `unsent`."""
        with self._lock:
            try:
                self.unsent = self._take(body)
            except StaleSnapshot as stale:
                log.info("generation=%d running=%d taken=false", stale.offered, stale.running)
                return False
            applied = self.unsent.applied
        self.settle()
        return applied

    def settle(self) -> None:
        """To be called once a push is answered; the other ways in do so by themselves."""
        self.applier.settle()

    def retry(self) -> None:
        """Try again what was refused: a port may be free now. A changed answer waits in `unsent`."""
        with self._lock:
            before = self.applier.last_ack
            after = self.applier.retry()
            if after and before and after.resources != before.resources:
                self.unsent = after

    def sent(self, ack: Ack) -> None:
        """The console has this answer."""
        with self._lock:
            if self.unsent is ack:
                self.unsent = None

    def _take(self, body: bytes) -> Ack:
        try:
            snapshot = self._reader.read(body)
        except ValidationError as error:
            mistakes = [f"{dotted(path)}: {message}" for path, message in explained(error)]
            return self._unreadable(body, "; ".join(mistakes[:3]))
        if snapshot.gateway != self._gateway_id:
            return self._refusal(snapshot.generation, snapshot.digest, "the snapshot is another gateway's")
        return self.applier.apply(snapshot.resources, snapshot.generation, snapshot.digest)

    def _unreadable(self, body: bytes, reason: str) -> Ack:
        """The answer to what this version cannot parse; it still names the generation, if that is legible."""
        try:
            document = json.loads(body)
            generation, digest = int(document["generation"]), str(document["digest"])[:64]
        except (ValueError, KeyError, TypeError):
            generation, digest = 0, ""
        return self._refusal(generation, digest, f"this version cannot read the snapshot: {reason}")

    def _refusal(self, generation: int, digest: str, reason: str) -> Ack:
        log.error("generation=%d applied=false reason=%r", generation, reason)
        return Ack(
            replica=self._replica_id,
            generation=generation,
            digest=digest,
            applied=False,
            reason=reason,
            at=datetime.now(UTC),
        )
