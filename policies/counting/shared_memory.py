"""The file in which all worker threads of a gateway's Envoy count requests.

    page 0            header: magic, sizes, secret seed of the hash, boot id and machine, when counts were
                      exchanged last; from byte 2048 on a byte for each bucket: whether shared counts of it
                      have changed since
    page 1 + n        bucket n: a lock (bytes 0-127), then 31 cells of 128 bytes

A key (binding and key value) hashes to one bucket and to a 64-bit fingerprint; it has one cell for each
of its limits there. A cell holds fingerprint, period, start of the window, requests counted in it, how many
may be, a hash of the binding, and the first 72 bytes of the key's text, for people. Times are milliseconds
of CLOCK_MONOTONIC.

Where replicas share a count, its windows are those of the clock (multiples of the period since 1970), and the
cell also holds a digest of the key, the same in all replicas, the requests that others counted in the window,
and how many of its own they were told of. counts.py and told.py exchange them.

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
from typing import NamedTuple

from policies.compiled import Scope
from policies.expression.lua import Value
from policies.memory import shared_file
from policies.scripting.script import SHA256

COUNTING, QUOTA, HEADERS = (
    Path(__file__).with_name(name) for name in ("counting.lua", "quota.lua", "quota_headers.lua")
)
MAGIC = b"GWRATES3"
PAGE = 4096
BUCKETS = 2048
CELLS = 31
CELL_BYTES = 128
SIZE = PAGE * (1 + BUCKETS)
HEADER = struct.Struct("=8sII8s40x64s")
CELL = struct.Struct("=iiddIIIIIIii72s")
EXCHANGED, CHANGED = 128, 2048
"""Places in page 0."""
PLACE = shared_file.SharedFile("shm", "rate-limits")


@dataclass(frozen=True)
class Counter:
    """One limit of one key in the current window. `key` is cut to what fits beside the binding."""

    binding: str
    key: str
    period_ms: int
    ends_in_ms: int
    requests: int


class Cell(NamedTuple):
    """As it lies in memory; times in ms of CLOCK_MONOTONIC."""

    high: int
    low: int
    period: float
    start: float
    requests: int
    maximum: int
    binding: int
    length: int
    others: int
    sent: int
    digest: int
    digest_2: int
    text: bytes

    @property
    def is_shared(self) -> bool:
        return bool(self.digest or self.digest_2)


def path(state: Path) -> Path:
    """Where a gateway with this state folder counts."""
    return PLACE.path(state)


def settings(scope: Scope, *, clusterizable: bool) -> dict[str, Value]:
    """What counting.lua needs."""
    return {
        "binding": scope.binding,
        "path": str(path(scope.state)),
        "size": SIZE,
        "buckets": BUCKETS,
        "cells": CELLS,
        "shared": clusterizable and scope.shares_counts,
    }


def files(policy: Path, scope: Scope, *, exposes: bool) -> list[Path]:
    """The files of a script that calls `over_quota`; `exposes` where callers are told their quota."""
    digest = [SHA256] if scope.shares_counts else []
    return [*digest, shared_file.LUA, COUNTING, QUOTA, policy, *([HEADERS] if exposes else [])]


def prepare(state: Path) -> None:
    """Makes the file unless a usable one is there; then its counters stay, so that a crash resets none.

    Call it before Envoy starts. It is harmless while one runs. `state`/shm becomes a link into memory
    where that has room, a folder otherwise. Raises OSError.
    """
    PLACE.prepare(state, _is_usable, lambda file: shared_file.create(file, SIZE, SIZE, _fill))


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
            cell = Cell(*CELL.unpack_from(content, offset))
            if cell.start + cell.period > now:
                binding, _, key = cell.text[: cell.length].decode(errors="replace").partition("\n")
                ends_in = int(cell.start + cell.period - now)
                yield Counter(binding, key, int(cell.period), ends_in, cell.requests)


def _is_usable(file: Path) -> bool:
    return shared_file.is_whole(file, HEADER, SIZE, MAGIC, BUCKETS, CELLS)


def _fill(memory: mmap.mmap) -> None:
    HEADER.pack_into(memory, 0, MAGIC, BUCKETS, CELLS, secrets.token_bytes(8), shared_file.identity())
    shared_file.make_locks(memory, range(PAGE, SIZE, PAGE))
