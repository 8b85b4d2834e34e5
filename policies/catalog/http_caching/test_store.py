"""The file of answers: many threads at once, little room, deaths, restarts."""

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from policies.catalog.http_caching import store
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.origin import Asked, Given, Origin, origin

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {upstream: {address: "${origin}"}}
  policies:
    - policyRef: {name: http-caching}
      config: {persistCache: false, maxCacheEntries: 10000}
      rules: [{path: /memory/.*}]
    - policyRef: {name: http-caching}
      config: {persistCache: true}
      rules: [{path: /disk/.*}]
"""
LIMIT_AT = 8
"""Where the header says how many blocks there may be."""


def body_of(target: str) -> bytes:
    """The same for the same target, and of a size of its own."""
    drawn = random.Random(target)
    return drawn.randbytes(drawn.choice((0, 10, 3000, 4096, 20_000, 200_000)))


def given(asked: Asked) -> Given:
    return Given(body_of(asked.target), headers=(("x-target", asked.target),))


@pytest.fixture
def upstream() -> Iterator[Origin]:
    with origin() as server:
        server.answer = given
        yield server


@pytest.fixture
def gateway(tmp_path: Path, upstream: Origin) -> Iterator[Gateway]:
    with running_gateway("", tmp_path, concurrency=3) as running:
        running.names["origin"] = upstream.url
        running.apply(API)
        yield running


def limit(gateway: Gateway, blocks: int) -> None:
    with store.path(gateway.envoy.state, persists=False).open("r+b") as file:
        file.seek(LIMIT_AT)
        file.write(blocks.to_bytes(4, sys.byteorder))


def test_every_answer_is_its_own_whatever_the_threads_and_however_little_room(
    gateway: Gateway, upstream: Origin
) -> None:
    limit(gateway, 300)
    wrong: list[str] = []
    hits = [0]
    counting = threading.Lock()

    def call(seed: int) -> None:
        drawn = random.Random(seed)
        with httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", trust_env=False, timeout=60) as client:
            for _ in range(150):
                target = f"/memory/{drawn.randrange(60)}"
                answer = client.get(f"/a{target}")
                if answer.content != body_of(target) or answer.headers["x-target"] != target:
                    wrong.append(target)
                with counting:
                    hits[0] += " hit" in answer.headers["cache-status"]

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(call, range(6)))

    assert not wrong
    assert hits[0] > 100 and hits[0] + len(upstream.seen) == 900


def test_what_has_no_room_at_all_passes(gateway: Gateway, upstream: Origin) -> None:
    limit(gateway, 0)

    assert [gateway.get("/a/memory/1").content for _ in range(2)] == [body_of("/memory/1")] * 2
    assert len(upstream.seen) == 2


def test_a_change_that_its_death_broke_off_empties_the_store_and_it_goes_on(
    gateway: Gateway, upstream: Origin
) -> None:
    file = store.path(gateway.envoy.state, persists=False)
    gateway.get("/a/memory/1")
    die_in_the_middle = f"""
import ctypes, mmap, os
with open({str(file)!r}, "r+b") as file:
    memory = mmap.mmap(file.fileno(), {store.SIZE})
lock = (ctypes.c_char * 128).from_buffer(memory, {store.HEADER.size})
assert ctypes.CDLL(None).pthread_mutex_lock(lock) == 0
memory[{store.ENTRIES}:{store.ENTRIES} + 4096] = bytes(range(256)) * 16
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", die_in_the_middle], check=True, timeout=30)

    statuses = [gateway.get("/a/memory/1").headers["cache-status"] for _ in range(2)]

    assert " fwd=uri-miss" in statuses[0] and " hit" in statuses[1]


def test_a_restart_keeps_what_is_to_be_kept_alone(gateway: Gateway, upstream: Origin) -> None:
    paths = ("/memory/1", "/disk/1")
    for path in paths:
        gateway.get(f"/a{path}")

    gateway.envoy.stop()
    gateway.client.close()
    gateway.envoy.start()
    gateway.client = httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", trust_env=False)
    gateway.apply(API)

    assert [" hit" in gateway.get(f"/a{path}").headers["cache-status"] for path in paths] == [False, True]
    assert len(upstream.seen) == 3


def test_an_agent_that_starts_anew_beside_its_envoy_leaves_all_threads_one_file(
    gateway: Gateway, upstream: Origin
) -> None:
    state = gateway.envoy.state
    file = store.path(state, persists=False)
    gateway.get("/a/memory/1")
    made = file.stat().st_ino

    store.prepare(state)
    assert file.stat().st_ino == made
    gateway.envoy.stop()
    store.prepare(state)
    assert file.stat().st_ino != made


def test_files_of_another_boot_or_layout_are_made_anew(tmp_path: Path) -> None:
    store.prepare(tmp_path)
    kept = store.path(tmp_path, persists=True)
    whole = kept.stat()
    store.prepare(tmp_path)
    assert kept.stat().st_ino == whole.st_ino and whole.st_blocks * 512 < 100_000

    with kept.open("r+b") as file:
        file.seek(24)
        file.write(b"another boot")
    store.prepare(tmp_path)

    assert kept.stat().st_ino != whole.st_ino and store.is_usable(kept)
