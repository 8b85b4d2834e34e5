"""Exchanges counts with other replicas, in a thread of its own: no request ever waits for it."""

import logging
import threading
from collections.abc import Iterable
from pathlib import Path

from gateways.agent.translate import ir
from gateways.agent.translate.distributed import NO_KEY, distributed, named
from gateways.protocol.shared_storage import SharedStorage

FIRST_SECONDS, LAST_SECONDS = 1.0, 3.0

log = logging.getLogger(__name__)


class Sharing:
    """One per state folder. `trouble` says why others do not hear of counts, or that a policy is told to
    share where nothing can be shared; it is "" where all is well.
    """

    def __init__(self, state: Path) -> None:
        self.trouble = self._lack = ""
        self._state = state
        self._storage: SharedStorage | None = None
        self._thread: threading.Thread | None = None
        self._over = threading.Event()

    def want(self, storage: SharedStorage | None, apis: Iterable[ir.Api] = ()) -> None:
        """From now on counts are exchanged there, or nowhere. Waits for the first answer, for a moment."""
        if storage is None:
            self.close()
            self._lacks(apis)
            return
        if not storage.sealing_key:
            self._lacks_key(apis)
        if storage == self._storage:
            return
        self.close()
        self._storage = storage
        # The client takes a tenth of a second of each start, where few share counts.
        from gateways.agent.sharing.exchange import exchange

        over, first = threading.Event(), threading.Event()

        def told(trouble: str) -> None:
            if not over.is_set():
                self._is_told(storage, trouble, is_first=not first.is_set())
            first.set()

        self._over = over
        self._thread = threading.Thread(
            target=exchange, args=(storage, self._state, over, told), name="sharing", daemon=True
        )
        self._thread.start()
        first.wait(FIRST_SECONDS)

    def _lacks(self, apis: Iterable[ir.Api]) -> None:
        """Tells once of what cannot act without a storage."""
        if told := named(distributed(apis)):
            self.trouble = (
                f"There is no shared storage: {told} would be distributed, and"
                " each replica counts, and forgets, for itself. Name one by GATEWRIGHT_SHARED_STORAGE."
            )
        self._warn(self.trouble)

    def _lacks_key(self, apis: Iterable[ir.Api]) -> None:
        told = named(distributed(apis, sealed=True))
        self._warn(f"shared_answers=none policies={told!r} reason='{NO_KEY}'" if told else "")

    def _warn(self, lack: str) -> None:
        """Once of each."""
        if lack and lack != self._lack:
            log.warning(lack)
        self._lack = lack

    def close(self) -> None:
        """Ends the exchange; what was counted stays."""
        self._over.set()
        if self._thread:
            self._thread.join(LAST_SECONDS)
        self._storage, self._thread, self.trouble = None, None, ""

    def _is_told(self, storage: SharedStorage, trouble: str, *, is_first: bool) -> None:
        if trouble and not self.trouble:
            log.error("shared_storage=%r lost=%r", str(storage), trouble)
        elif not trouble and (self.trouble or is_first):
            log.info("shared_storage=%r met=true", str(storage))
        self.trouble = f"The shared storage {storage} does not answer: {trouble}" if trouble else ""
