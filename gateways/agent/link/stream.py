"""Keeps the connection open down which the console sends snapshots and contracts, and takes into force what
comes.

Nothing depends on it: what it misses, the next heartbeat fetches. So every trouble here has the same end,
said once: changes come with heartbeats until the stream stands again.
"""

import logging
import random
import threading
import time
from collections.abc import Callable

import httpx

from gateways.agent.apply import StaleSnapshot
from gateways.agent.link.client import Console, ConsoleRefused, NoStreams, Unreachable, reason
from gateways.agent.link.grants import Gap, Grants
from gateways.agent.link.newest import Newest
from gateways.agent.link.registration import Registration
from gateways.agent.link.snapshots import Intake
from gateways.protocol import trust
from gateways.protocol.book import BOOK_PATH, CHANGES_PATH
from gateways.protocol.frames import SNAPSHOT_PATH, BadFrame, Frame, frames
from gateways.protocol.messages import CONSOLE

FIRST_RETRY_SECONDS = 2.0
SLOWEST_RETRY_SECONDS = 60.0
CONTRACTS_SECONDS = 5.0
STEADY_SECONDS = 30.0
"""After a stream that lasted this long the next one is opened without a growing pause."""

_CONTRACTS = {"contracts": BOOK_PATH, "changes": CHANGES_PATH}
log = logging.getLogger(__name__)


class Ended(Exception):
    """The stream is over; the text says why."""


class Stream:
    """`heartbeat` has one sent now: it tells that the stream stands, and fetches what is wanted.

    `is_open` is None while the console has no streams: one of an older version does not know the word.
    """

    def __init__(
        self,
        console: Console,
        registration: Registration,
        intake: Intake,
        grants: Grants,
        *,
        heartbeat: Callable[[], None],
    ) -> None:
        self.is_open: bool | None = None
        self._console = console
        self._registration = registration
        self._intake = intake
        self._grants = grants
        self._heartbeat = heartbeat
        self._stopping = threading.Event()
        self._snapshots = Newest[bytes]("snapshots", self._apply)
        self._contracts = Newest[tuple[str, bytes]]("contracts", self._grant)
        self._failures = 0
        self._said = ""

    def start(self) -> None:
        """Starts three threads: one reads on while the others take into force what came."""
        threading.Thread(target=self._keep, name="stream", daemon=True).start()
        self._snapshots.start()
        self._contracts.start()

    def stop(self) -> None:
        self._stopping.set()

    def _keep(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            pause = self._stand()

    def _stand(self) -> float:
        """Open the stream and read until it ends; after how many seconds to open the next."""
        began = time.monotonic()
        try:
            self._read()
            why = "the console ended it"
        except NoStreams as error:
            self.is_open, why = None, str(error)
        except (Unreachable, ConsoleRefused, BadFrame, Ended) as error:
            why = str(error)
        except httpx.ReadTimeout:
            why = "nothing comes down it: a proxy on the way holds answers back, or the way is cut"
        except httpx.HTTPError as error:
            why = reason(error)
        except Exception as error:
            log.exception("stream=failed")
            why = type(error).__name__
        if self.is_open is not None:
            self.is_open = False
        is_steady = time.monotonic() - began > STEADY_SECONDS
        self._failures = 1 if is_steady else self._failures + 1
        if self._said != why and not self._stopping.is_set():
            log.warning("stream=closed changes=with-heartbeats reason=%r", why)
            self._said = why
        slowest = min(SLOWEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (self._failures - 1))
        return float(slowest * random.uniform(0.1, 1.0))  # noqa: S311 - spreads load, guards nothing

    def _read(self) -> None:
        with self._console.stream() as chunks:
            for frame, body in frames(chunks):
                if self._stopping.is_set():
                    return
                self._take(frame, body)

    def _take(self, frame: Frame, body: bytes) -> None:
        if frame.kind == "bye":
            raise Ended(frame.reason)
        if frame.kind in ("hello", "ping"):
            self._note_open(frame)
        elif frame.kind == "snapshot" and self._is_consoles(frame, body, SNAPSHOT_PATH):
            self._snapshots.offer(body)
        elif frame.kind in _CONTRACTS and self._is_consoles(frame, body, _CONTRACTS[frame.kind]):
            self._contracts.offer((frame.kind, body))
        elif frame.kind in ("snapshot", "contracts", "changes", "pull"):
            self._heartbeat()

    def _note_open(self, frame: Frame) -> None:
        """Tell once that it does; a console that hears of no changes says so with its pings."""
        before, self.is_open = self.is_open, frame.is_woken
        if frame.is_woken and not before:
            log.info("stream=open console=%s", self._console.url)
            self._said = ""
            self._heartbeat()
        elif before and not frame.is_woken:
            log.warning(
                "stream=open changes=with-heartbeats reason='the console hears of none: see its Valkey'"
            )

    def _is_consoles(self, frame: Frame, body: bytes, path: str) -> bool:
        """Whether the console's own key signed it, for this gateway, now."""
        try:
            trust.verify(
                frame.signature,
                self._registration.console_public_key,
                issuer=CONSOLE,
                audience=self._registration.gateway_id,
                method="PUT",
                path=path,
                body=body,
            )
        except trust.Untrusted as error:
            log.error("refused=pushed-%s reason=%r", frame.kind, str(error))
            return False
        return True

    def _grant(self, sent: tuple[str, bytes]) -> None:
        """What counts now is told with a heartbeat, which fetches what could not be read, too."""
        kind, body = sent
        try:
            self._grants.change(body) if kind == "changes" else self._grants.take(body)
        except Gap as gap:
            log.info("contracts=%d changes=missed reason=%r", self._grants.state.generation, str(gap))
        except (ValueError, OSError) as error:
            log.error("refused=pushed-contracts reason=%r", str(error))
        self._heartbeat()

    def _apply(self, body: bytes) -> None:
        """After the contracts that came with it: an API that is new finds them."""
        self._contracts.settle(CONTRACTS_SECONDS)
        try:
            ack = self._intake.push(body)
        except StaleSnapshot as stale:
            log.info("generation=%d running=%d taken=false", stale.offered, stale.running)
            return
        try:
            self._console.ack(ack)
            self._intake.sent(ack)
        except (Unreachable, ConsoleRefused) as error:
            log.warning("generation=%d ack=waiting reason=%r", ack.generation, str(error))
        self._intake.settle()
