"""Tells a storage what was counted here, and hears what all replicas counted."""

import secrets
import ssl
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateways.agent.host import state_folder
from gateways.agent.host.trusted_cas import system_ca
from gateways.agent.sharing.admitted import Spikes
from gateways.agent.sharing.batch import Batch
from gateways.agent.sharing.counts import Counts
from gateways.agent.sharing.forgotten import Forgotten
from gateways.agent.sharing.opened import Connections
from gateways.protocol.shared_storage import SharedStorage, Tls
from policies.counting import shared_memory

PAUSE_SECONDS, IDLE_SECONDS, LOST_PAUSE_SECONDS, ANSWER_SECONDS = 0.05, 2.0, 0.5, 1.0
MOST_BUCKETS = 256
"""Of one exchange: some thousand counts, a few milliseconds of the storage's time."""
MOST_WORDS = 200
"""Of a reason, which is partly the server's own text."""


def exchange(storage: SharedStorage, state: Path, over: Event, told: Callable[[str], None]) -> None:
    """Until it is `over`: what has changed, as soon as it has, and a word now and then where nothing has.

    `told` is called after each answer with "", and with the reason where there was none.
    """
    talk, silent, pause = _Talk(storage, state), IDLE_SECONDS, 0.0
    while not over.wait(pause):
        pause, silent = PAUSE_SECONDS, silent + PAUSE_SECONDS
        try:
            if not talk.exchange(is_due=silent >= IDLE_SECONDS):
                continue
        except Exception as error:
            # A server that is none makes the client fail in any way.
            pause, silent = LOST_PAUSE_SECONDS, IDLE_SECONDS
            talk.hang_up()
            told(_words(error, storage))
            continue
        silent = 0.0
        told("")
    talk.hang_up()


class _Talk:
    """With one storage. A batch that was not answered is told again as it was, until it is."""

    def __init__(self, storage: SharedStorage, state: Path) -> None:
        self._storage, self._state = storage, state
        self._teller = secrets.token_hex(8)
        self._number = 0
        self._unanswered: Batch | None = None
        self._counts: Counts | None = None
        self._connections: Connections | None = None
        self._spikes: Spikes | None = None
        self._forgotten = Forgotten(state)
        self._client: Redis | None = None

    def exchange(self, *, is_due: bool) -> bool:
        """Whether there was something to tell, or it `is_due` to ask whether somebody is there."""
        if self._counts is None:
            shared_memory.prepare(self._state)
            self._counts = Counts(self._state)
        if self._connections is None:
            self._connections = Connections(self._state)
        if self._spikes is None:
            self._spikes = Spikes(self._state)
        if self._unanswered is None and (changed := self._counts.changed(MOST_BUCKETS)):
            self._number += 1
            self._unanswered = Batch.of(changed, self._teller, self._number)
        opened, caches = self._connections.opened(), self._forgotten.shared()
        admitted = self._spikes.admitted()
        is_silent = self._unanswered is None and not opened and not admitted and not caches
        if is_silent and not is_due:
            return False
        if self._client is None:
            self._client = _client(self._storage, self._state)
        if is_silent:
            self._client.ping()
        if self._unanswered is not None:
            self._tell(self._client, self._counts, self._unanswered)
        if opened:
            self._connections.tell(self._client, opened)
        if admitted:
            self._spikes.tell(self._client, admitted)
        for file in caches:
            self._forgotten.exchange(self._client, file)
        self._counts.exchanged()
        return True

    def hang_up(self) -> None:
        if self._client:
            self._client.close()
        if self._connections:
            self._connections.again()
        if self._spikes:
            self._spikes.again()
        self._client = None

    def _tell(self, client: Redis, counts: Counts, batch: Batch) -> None:
        totals = batch.told(client)
        self._unanswered = None
        untold = [one for one, total in zip(batch.counts, totals, strict=True) if total is None]
        counts.changed_again(untold)
        for one, total in zip(batch.counts, totals, strict=True):
            if total is not None:
                counts.take(one, total)
        if untold:
            raise ValueError(f"{len(untold)} counts cannot be kept there")


def _words(error: Exception, storage: SharedStorage) -> str:
    """Without the password: a server that does not know a command quotes all of it."""
    words = str(error) or type(error).__name__
    if storage.password:
        words = words.replace(storage.password, "...")
    return words[:MOST_WORDS]


def _client(storage: SharedStorage, state: Path) -> Redis:
    options: dict[str, Any] = _tls(storage.tls, state) if storage.tls else {}
    return Redis(
        storage.host,
        storage.port,
        storage.database,
        username=storage.username or None,
        password=storage.password or None,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
        **options,
    )


def _tls(tls: Tls, state: Path) -> dict[str, Any]:
    options: dict[str, Any] = {"ssl": True, "ssl_min_version": ssl.TLSVersion.TLSv1_2}
    if tls.skips_validation:
        options |= {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
    elif tls.trusted_ca:
        options |= {"ssl_ca_data": tls.trusted_ca, "ssl_check_hostname": True}
    else:
        options |= {"ssl_ca_certs": system_ca(), "ssl_check_hostname": True}
    if tls.certificate:
        own = state / "shared-storage.pem"
        state_folder.write_bytes(own, f"{tls.certificate}\n{tls.key}\n".encode())
        options |= {"ssl_certfile": str(own), "ssl_keyfile": str(own)}
    return options
