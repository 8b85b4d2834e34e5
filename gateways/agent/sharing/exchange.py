"""Tells a storage what was counted here, and hears what all replicas counted."""

import ssl
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from gateways.agent.host import state_folder
from gateways.agent.host.trusted_cas import system_ca
from gateways.agent.sharing.counts import Count, Counts
from gateways.protocol.shared_storage import SharedStorage, Tls
from policies.counting import shared_memory

PAUSE_SECONDS, IDLE_SECONDS, LOST_PAUSE_SECONDS, ANSWER_SECONDS = 0.05, 2.0, 0.5, 1.0
MOST_BUCKETS = 256
"""Of one exchange: some thousand counts, a few milliseconds of the storage's time."""
LONGER_MS = 60_000
"""How long a count is kept behind its window, for clocks that differ."""


def exchange(storage: SharedStorage, state: Path, over: Event, told: Callable[[str], None]) -> None:
    """Until it is `over`: what has changed, as soon as it has, and a word now and then where nothing has.

    `told` is called after each answer with "", and with the reason where there was none.
    """
    shared_memory.prepare(state)
    counts, client = Counts(state), _client(storage, state)
    silent, pause = IDLE_SECONDS, 0.0
    while not over.wait(pause):
        changed, pause, silent = counts.changed(MOST_BUCKETS), PAUSE_SECONDS, silent + PAUSE_SECONDS
        if not changed and silent < IDLE_SECONDS:
            continue
        try:
            _exchange(client, counts, changed)
        except (RedisError, OSError) as error:
            counts.changed_again(changed)
            pause, silent = LOST_PAUSE_SECONDS, IDLE_SECONDS
            told(str(error) or type(error).__name__)
            continue
        counts.exchanged()
        silent = 0.0
        told("")
    client.close()


def _exchange(client: "Redis", counts: Counts, changed: list[Count]) -> None:
    if not changed:
        client.ping()
        return
    pipe = client.pipeline(transaction=False)
    for one in changed:
        name = f"gatewright:count:{one.name}"
        pipe.incrby(name, one.more)
        pipe.pexpire(name, one.left_ms + LONGER_MS)
    for one, total in zip(changed, pipe.execute()[::2], strict=True):
        counts.take(one, int(total))


def _client(storage: SharedStorage, state: Path) -> "Redis":
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
