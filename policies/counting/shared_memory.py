"""The file in which all worker threads of a gateway's Envoy count requests.

    page 0            header: magic, sizes, secret seed of the hash, boot id and machine
    page 1 + n        bucket n: a lock (bytes 0-127), then 31 cells of 128 bytes

A key (binding and key value) hashes to one bucket and to a 64-bit fingerprint; it has one cell for each
of its limits there. A cell holds fingerprint, period, start of the window, requests counted in it, how many
may be, a hash of the binding, and the first 88 bytes of the key's text, for people. Times are milliseconds
of CLOCK_MONOTONIC.

The lock is a robust process-shared pthread mutex: a decision reads and writes all cells of its key under
it, so exactly the allowed number of requests passes, whatever the number of threads. A thread that dies
while it holds the lock leaves it to the next one. Reading needs no lock: a counter may be one behind.

A cell whose window is over is free for any key of its bucket. When all 31 are live, a new key takes the
least used one of the binding that holds most of them, or of its own binding when none holds more; of its
own none that has no quota left. Where there is no such cell, the quota of the new key is unknown, and
`blockOnUnknownQuota` decides. The file outlives Envoy and the agent, not a reboot.
"""

import mmap
import secrets
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from policies.expression.lua import Value
from policies.memory import place
from policies.policy import Scope

COUNTING, QUOTA, HEADERS = (
    Path(__file__).with_name(name) for name in ("counting.lua", "quota.lua", "quota_headers.lua")
)
MAGIC = b"GWRATES2"
PAGE = 4096
BUCKETS = 2048
CELLS = 31
CELL_BYTES = 128
SIZE = PAGE * (1 + BUCKETS)
HEADER = struct.Struct("=8sII8s40x64s")
CELL = struct.Struct("=iiddIIII88s")
PLACE = place.Place("shm", "rate-limits")


@dataclass(frozen=True)
class Counter:
    """One limit of one key in the current window. `key` is cut to what fits beside the binding."""

    binding: str
    key: str
    period_ms: int
    ends_in_ms: int
    requests: int


def path(state: Path) -> Path:
    """Where a gateway with this state folder counts."""
    return PLACE.path(state)


def settings(scope: Scope) -> dict[str, Value]:
    """What counting.lua needs."""
    return {
        "binding": scope.binding,
        "path": str(path(scope.state)),
        "size": SIZE,
        "buckets": BUCKETS,
        "cells": CELLS,
    }


def files(policy: Path, *, exposes: bool) -> list[Path]:
    """The files of a script that calls `over_quota`; `exposes` where callers are told their quota."""
    return [place.LUA, COUNTING, QUOTA, policy, *([HEADERS] if exposes else [])]


def prepare(state: Path) -> None:
    """Makes the file unless a usable one is there; then its counters stay, so that a crash resets none.

    Call it before Envoy starts. It is harmless while one runs. `state`/shm becomes a link into memory
    where that has room, a folder otherwise. Raises OSError.
    """
    PLACE.prepare(state, _is_usable, lambda file: place.create(file, SIZE, SIZE, _fill))


def counters(state: Path) -> list[Counter]:
    """Every counter whose window is not over; none before `prepare`."""
    try:
        content = path(state).read_bytes()
    except FileNotFoundError:
        return []
    return list(_live(content, time.clock_gettime(time.CLOCK_MONOTONIC) * 1000))


def _live(content: bytes, now: float) -> Iterator[Counter]:
    for bucket in range(PAGE, len(content), PAGE):
        for offset in range(bucket + CELL_BYTES, bucket + PAGE, CELL_BYTES):
            _, _, period, start, requests, _, _, length, text = CELL.unpack_from(content, offset)
            if start + period > now:
                binding, _, key = text[:length].decode(errors="replace").partition("\n")
                yield Counter(binding, key, int(period), int(start + period - now), requests)


def _is_usable(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            magic, buckets, cells, _, identity = HEADER.unpack(opened.read(HEADER.size))
    except (OSError, struct.error):
        return False
    sizes = (magic, buckets, cells, file.stat().st_size)
    return sizes == (MAGIC, BUCKETS, CELLS, SIZE) and identity.rstrip(b"\0") == place.identity()


def _fill(memory: mmap.mmap) -> None:
    HEADER.pack_into(memory, 0, MAGIC, BUCKETS, CELLS, secrets.token_bytes(8), place.identity())
    place.make_locks(memory, range(PAGE, SIZE, PAGE))
