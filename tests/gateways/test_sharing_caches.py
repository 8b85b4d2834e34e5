"""Replicas that share a storage forget answers together; real Envoys, a real Valkey."""

import signal
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from mmap import mmap
from pathlib import Path

import pytest
from redis import Redis

from policies.catalog.http_caching import shared, store
from policies.catalog.http_caching.forgotten import StorageAnswer
from policies.catalog.http_caching.shared import EVERYTHING, RECORD_BYTES, RECORDS, Header, Section
from tests.gateways.shared_storage import Server
from tests.gateways.test_sharing import replicas
from tests.traffic.gateway import Gateway
from tests.traffic.origin import Given, Origin, origin
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {upstream: {address: "ORIGIN"}}
  policies:
    - policyRef: {name: http-caching}
      config: {distributed: true, invalidationHeader: x-order, ttl: 3600}
      rules: [{path: /shared/.*}]
    - policyRef: {name: http-caching}
      config: {distributed: true, persistCache: true, invalidationHeader: x-order, ttl: 3600}
      rules: [{path: /disk/.*}]
    - policyRef: {name: http-caching}
      config: {invalidationHeader: x-order, ttl: 3600}
      rules: [{path: /own/.*}]
"""
HOST = "shop.example.com"
"""Part of the key, and with its port another one for each replica."""


@pytest.fixture
def upstream() -> Iterator[Origin]:
    with origin() as server:
        yield server


@pytest.fixture
def both(tmp_path: Path, server: Server, upstream: Origin) -> Iterator[list[Gateway]]:
    """Two replicas that know each other's storage."""
    with replicas(API.replace("ORIGIN", upstream.url), tmp_path, server.storage) as gateways:
        take_part(gateways)
        yield gateways


def take_part(gateways: list[Gateway]) -> None:
    """Each does from its first request on; it knows the storage then."""
    for gateway in gateways:
        for path in ("/shared/0", "/disk/0"):
            get(gateway, path)
    wait_until(
        lambda: all(header(one, persists).storage.strip(b"\0") for one in gateways for persists in (0, 1))
    )


def get(gateway: Gateway, path: str, **headers: str) -> bool:
    """Whether it was answered from the cache."""
    return send(gateway, "GET", path, **headers)


def send(gateway: Gateway, method: str, path: str, **headers: str) -> bool:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = gateway.request(method, f"/a{path}", headers={"host": HOST, **named})
    assert answer.status_code == 200
    return " hit" in answer.headers.get("cache-status", "")


def kept(gateways: list[Gateway], *paths: str) -> None:
    for gateway in gateways:
        for path in paths:
            get(gateway, path)
            assert get(gateway, path), path


def header(gateway: Gateway, persists: int = 0) -> Header:
    with section(gateway, persists) as found:
        return found.header


@contextmanager
def section(gateway: Gateway, persists: int = 0) -> Iterator[Section]:
    path = store.path(gateway.envoy.state, persists=bool(persists))
    with path.open("r+b") as file, shared.section(file.fileno(), store.TOLD) as found:
        yield found


def test_what_one_replica_forgets_the_other_does(
    both: list[Gateway], server: Server, upstream: Origin
) -> None:
    one, other = both
    kept(both, "/shared/1", "/shared/2", "/disk/1", "/own/1")

    get(one, "/shared/1", x_order="invalidate")
    wait_until(lambda: not get(other, "/shared/1"))
    assert get(other, "/shared/1") and get(other, "/shared/2")

    send(other, "PUT", "/disk/1")
    wait_until(lambda: not get(one, "/disk/1"))
    kept([other], "/disk/1")

    get(one, "/shared/9", x_order="invalidate-all")
    wait_until(lambda: not get(other, "/shared/2"))
    assert get(other, "/disk/1"), "another cache"

    get(one, "/own/1", x_order="invalidate-all")
    kept([other], "/shared/1")
    send(one, "PUT", "/shared/1")
    wait_until(lambda: not get(other, "/shared/1"))
    assert get(other, "/own/1"), "not shared"
    with Redis(
        port=server.storage.port, password=server.storage.password, db=server.storage.database
    ) as client:
        records = client.lrange("gatewright:forgotten", 0, -1)
        assert len(records) == 4 and {len(one) for one in records} == {RECORD_BYTES}
        assert 0 < client.ttl("gatewright:forgotten") <= 86_400


def test_what_is_asked_for_meanwhile_is_not_kept(both: list[Gateway], upstream: Origin) -> None:
    one, other = both
    asked, go_on = threading.Event(), threading.Event()

    def slowly(_: object) -> Given:
        asked.set()
        assert go_on.wait(20)
        return Given()

    upstream.answer = slowly
    waiting = threading.Thread(target=get, args=(other, "/shared/1"))
    waiting.start()
    assert asked.wait(20)
    upstream.answer = lambda _: Given()
    heard = header(other).in_count
    get(one, "/shared/1", x_order="invalidate")
    wait_until(lambda: header(other).in_count > heard)
    go_on.set()
    waiting.join()

    assert not get(other, "/shared/1")
    assert get(other, "/shared/1")


def test_without_the_storage_each_is_alone_and_what_was_missed_is_made_good(
    both: list[Gateway], server: Server
) -> None:
    one, other = both
    kept(both, "/shared/1", "/shared/2", "/own/1")

    server.stop()
    get(one, "/shared/1", x_order="invalidate")
    wait_until(lambda: one.applier.sharing.trouble)
    assert get(other, "/shared/1") and get(one, "/shared/1")

    # It has forgotten how many were told: whatever the replicas missed, they forget all that is shared.
    server.start()
    wait_until(lambda: not get(other, "/shared/2"))
    wait_until(lambda: not get(one, "/shared/2"))
    assert get(one, "/own/1") and get(other, "/own/1")


def test_more_than_there_is_room_for_forgets_all(both: list[Gateway], server: Server) -> None:
    one, other = both
    kept(both, "/shared/1", "/shared/2", "/own/1")
    assert server.process
    server.process.send_signal(signal.SIGSTOP)
    try:
        wait_until(lambda: one.applier.sharing.trouble)
        filled(one)
        get(one, "/shared/1", x_order="invalidate")
        assert header(one).out_lost == 1
        assert get(other, "/shared/2")
    finally:
        server.process.send_signal(signal.SIGCONT)

    wait_until(lambda: not get(other, "/shared/2"))
    assert get(other, "/own/1")
    wait_until(lambda: header(one).out_told == header(one).out_count)


def filled(gateway: Gateway) -> None:
    """As if so much of caches that nobody else has had been forgotten that no more has room."""
    path, told = store.path(gateway.envoy.state, persists=False), header(gateway).out_told
    with path.open("r+b") as file, mmap(file.fileno(), shared.SIZE, offset=store.TOLD) as memory:
        memory[shared.OUT : shared.IN] = b"\1" * (shared.IN - shared.OUT)
        struct.pack_into("@d", memory, 0, told + RECORDS)


def test_a_record_waits_until_there_is_room(tmp_path: Path) -> None:
    file = tmp_path / "answers"
    file.write_bytes(bytes(shared.SIZE))
    records = [bytes([number]) * RECORD_BYTES for number in range(1, 4)]
    with file.open("r+b") as opened, shared.section(opened.fileno(), 0) as found:
        found.hear(records, b"n" * 16, 3, all_of_it=False)
        assert found.header[4:6] == (3, 0)
        assert (found.header.heard, found.header.storage) == (3, b"n" * 16)
        found.hear(records * RECORDS, b"n" * 16, 9, all_of_it=False)
        assert found.header[4:6] == (3, 1)
        found.hear([EVERYTHING], b"n" * 16, 10, all_of_it=False)
        found.hear([], b"m" * 16, 0, all_of_it=True)
        assert found.header[4:6] == (3, 3)


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        [b"n", 1, 0, [], 0],
        [b"n" * 16, b"1", 0, [], 0],
        [b"n" * 16, 1, 0, [b"short"], 0],
        [b"n" * 16, 1, 0, [7], 0],
        [b"n" * 16, 1, 0, []],
    ],
)
def test_an_answer_that_is_none_is_no_answer(told: object) -> None:
    with pytest.raises(ValueError, match="is not understood"):
        StorageAnswer.read(told)
