"""Tells a storage what policies share among replicas, and hears what the others tell."""

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
from gateways.protocol.shared_storage import SharedStorage, Tls
from policies import catalog
from policies.traits import Exchange

PAUSE_SECONDS, IDLE_SECONDS, LOST_PAUSE_SECONDS, ANSWER_SECONDS = 0.05, 2.0, 0.5, 1.0
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


class _Shared:
    """A storage as policies see it."""

    def __init__(self, client: Redis, sealing_key: bytes) -> None:
        self._client, self.sealing_key = client, sealing_key

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> Any:
        return self._client.eval(script, numkeys, *keys_and_args)


class _Talk:
    """With one storage."""

    def __init__(self, storage: SharedStorage, state: Path) -> None:
        self._storage, self._state = storage, state
        self._unmade = catalog.shares()
        self._exchanges: list[Exchange] = []
        self._client: Redis | None = None

    def exchange(self, *, is_due: bool) -> bool:
        """Whether there was something to tell, or it `is_due` to ask whether somebody is there."""
        while self._unmade:
            self._exchanges.append(self._unmade[0](self._state))
            del self._unmade[0]
        changed = [one for one in self._exchanges if one.changed()]
        if not changed and not is_due:
            return False
        if self._client is None:
            self._client = _client(self._storage, self._state)
        if not changed:
            self._client.ping()
        for one in changed:
            one.tell(_Shared(self._client, self._storage.sealing_key))
        for one in self._exchanges:
            one.heard()
        return True

    def hang_up(self) -> None:
        if self._client:
            self._client.close()
        for one in self._exchanges:
            one.again()
        self._client = None


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
