"""Tells the console that this replica lives, and fetches what it should run when the two differ."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateways.agent.link.client import Console, ConsoleRefused, Unreachable
from gateways.agent.link.grants import Grants
from gateways.agent.link.snapshots import Intake
from gateways.protocol.messages import Heartbeat, HeartbeatAnswer

FIRST_SECONDS = 5
REFUSED_RETRY_SECONDS = 60.0

log = logging.getLogger(__name__)


class Pulse:
    """One heartbeat after the other; `describe` gives the next one to send."""

    def __init__(
        self, console: Console, intake: Intake, grants: Grants, describe: Callable[[], Heartbeat]
    ) -> None:
        self._console = console
        self._intake = intake
        self._grants = grants
        self._describe = describe
        self._seconds = float(FIRST_SECONDS)
        self._failures = 0
        self._refused: tuple[int, str] | None = None
        self._retry_at = self._retry_seconds = 0.0
        self._telling = threading.Lock()
        self._soon = threading.Event()

    def hurry(self) -> None:
        """Make `rest` return, so that the next heartbeat is sent now."""
        self._soon.set()

    def rest(self, seconds: float) -> None:
        """Wait for so long, or until there is a reason not to."""
        self._soon.wait(seconds)
        self._soon.clear()

    def beat(self) -> float:
        """Send one heartbeat and do what the answer asks; after how many seconds to send the next."""
        with self._reporting_meanwhile():
            self._intake.retry()
        try:
            with self._telling:
                answer = self._console.heartbeat(self._describe())
            self._seconds = float(answer.heartbeat_seconds)
            if self._failures:
                log.info("console=%s reachable=true", self._console.url)
            self._failures = 0
            self._catch_up_with_contracts(answer)
            self._catch_up(answer)
            self._send_ack()
        except (Unreachable, ConsoleRefused) as error:
            return self._after_failure(error)
        return self._seconds

    def tell(self) -> None:
        """Send one heartbeat and leave what the answer asks, at best: without it the console finds out by
        silence.

        One after the other, so that none that was held up says "running" or "draining" after the goodbye.
        """
        try:
            with self._telling:
                self._console.heartbeat(self._describe())
        except (Unreachable, ConsoleRefused) as error:
            log.warning("heartbeat=unheard reason=%r", str(error))

    def _catch_up_with_contracts(self, answer: HeartbeatAnswer) -> None:
        """Before the snapshot: an API that is new finds them, and who lost one is out at once. A console that
        has just shown that it knows of them was not told yet which count here.
        """
        if answer.contracts.pull if answer.contracts else self._console.knows_contracts:
            try:
                self._grants.take(self._console.contracts())
            except (ValueError, OSError) as error:
                log.error("refused=fetched-contracts reason=%r", str(error))

    def _catch_up(self, answer: HeartbeatAnswer) -> None:
        """Pull what is wanted; one snapshot that is refused whole again and again, more and more seldom."""
        wanted = (answer.generation, answer.digest)
        is_same = wanted == self._refused
        if not answer.pull or (is_same and time.monotonic() < self._retry_at):
            return
        snapshot = self._console.snapshot()
        with self._reporting_meanwhile():
            is_taken = self._intake.pull(snapshot)
        self._refused = None if is_taken else wanted
        self._retry_seconds = min(
            REFUSED_RETRY_SECONDS, 2 * self._retry_seconds if is_same else self._seconds
        )
        self._retry_at = time.monotonic() + self._retry_seconds

    @contextmanager
    def _reporting_meanwhile(self) -> Iterator[None]:
        """Tell the console on, from another thread, should the block take longer than a heartbeat: applying
        a snapshot may, one that was pushed too, and three that are missed count as gone.
        """
        is_over = threading.Event()

        def tell() -> None:
            while not is_over.wait(self._seconds):
                self.tell()

        threading.Thread(target=tell, name="heartbeats", daemon=True).start()
        try:
            yield
        finally:
            is_over.set()

    def _send_ack(self) -> None:
        ack = self._intake.unsent
        if ack is None:
            return
        try:
            self._console.ack(ack)
        except ConsoleRefused as refused:
            log.warning("generation=%d ack=refused reason=%r", ack.generation, str(refused))
        self._intake.sent(ack)

    def _after_failure(self, error: Exception) -> float:
        """Pauses with jitter up to twice the usual, so that replicas do not come back all in one moment."""
        if not self._failures:
            log.warning("console=%s reachable=false reason=%r", self._console.url, str(error))
        self._failures += 1
        pause = self._seconds * min(self._failures, 2)
        return float(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load, guards nothing
