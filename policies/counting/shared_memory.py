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

import ctypes
import mmap
import os
import platform
import secrets
import shutil
import stat
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from policies.expression.lua import Value
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
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own inside is made, and refused when it is another's


class Unusable(OSError):
    """The counters' file cannot be made."""


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
    return state.absolute() / "shm" / "rate-limits"


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
    return [COUNTING, QUOTA, policy, *([HEADERS] if exposes else [])]


def prepare(state: Path) -> None:
    """Makes the file unless a usable one is there; then its counters stay, so that a crash resets none.

    Call it before Envoy starts. It is harmless while one runs. `state`/shm becomes a link into memory
    where that has room, a folder otherwise. Raises OSError.
    """
    file = path(state)
    folder = _memory_folder(state)
    is_copied = file.parent.is_symlink() and file.parent.readlink() != folder
    if not is_copied and _is_usable(file):
        return
    _sweep()
    try:
        _place(file.parent, folder)
        _create(file)
    except OSError:
        _place(file.parent, None)
        _create(file)


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


def _identity() -> bytes:
    """What must be the same for the file's times and locks to mean anything."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {platform.machine()}".encode()


def _is_usable(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            magic, buckets, cells, _, identity = HEADER.unpack(opened.read(HEADER.size))
    except (OSError, struct.error):
        return False
    sizes = (magic, buckets, cells, file.stat().st_size)
    return sizes == (MAGIC, BUCKETS, CELLS, SIZE) and identity.rstrip(b"\0") == _identity()


def _create(file: Path) -> None:
    """Writes the file beside its place and moves it there: nobody sees half of it."""
    beside = file.with_name(f".{file.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        # Reserved now: a full disk is an error here, and would be a crash of Envoy later.
        os.posix_fallocate(descriptor, 0, SIZE)
        with mmap.mmap(descriptor, SIZE) as memory:
            HEADER.pack_into(memory, 0, MAGIC, BUCKETS, CELLS, secrets.token_bytes(8), _identity())
            _make_locks(memory)
        beside.replace(file)
    finally:
        os.close(descriptor)
        beside.unlink(missing_ok=True)


def _make_locks(memory: mmap.mmap) -> None:
    libc = ctypes.CDLL(None)
    attributes = ctypes.create_string_buffer(64)
    shared, robust = 1, 1
    libc.pthread_mutexattr_init(attributes)
    libc.pthread_mutexattr_setpshared(attributes, shared)
    libc.pthread_mutexattr_setrobust(attributes, robust)
    for bucket in range(BUCKETS):
        lock = (ctypes.c_char * CELL_BYTES).from_buffer(memory, PAGE * (1 + bucket))
        failed = libc.pthread_mutex_init(lock, attributes)
        del lock  # The mapping cannot be closed while something points into it.
        if failed:
            raise Unusable(failed, "this system has no locks that processes can share")


def _memory_folder(state: Path) -> Path:
    digest = sha256(str(state.absolute()).encode()).hexdigest()[:16]
    return MEMORY / f"gatewright-{os.geteuid()}-{digest}"


def _place(link: Path, folder: Path | None) -> None:
    """Makes `link` a link to the folder, which is made and must be ours; or itself a folder."""
    if link.is_symlink():
        link.unlink()
    if folder is None or (link.is_dir() and any(link.iterdir())):
        link.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise Unusable(f"{folder} belongs to somebody else")
    (folder / "state").unlink(missing_ok=True)
    (folder / "state").symlink_to(link.parent.absolute())
    if link.is_dir():
        link.rmdir()
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(folder)


def _sweep() -> None:
    """Frees the memory of gateways whose state folder is gone."""
    for folder in MEMORY.glob(f"gatewright-{os.geteuid()}-*"):
        state = folder / "state"
        if state.is_symlink() and not state.exists():
            # Another gateway that starts may be sweeping too.
            shutil.rmtree(folder, ignore_errors=True)
