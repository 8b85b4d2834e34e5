"""The files in which all worker threads of a gateway's Envoy keep answers of upstreams.

    page 0        header: magic, sizes, seed of the hash, boot id and machine; a lock; what is used so far
    OWNERS        512 caches, one for each binding of the policy: its oldest and newest answer, how many
    BUCKETS       the first entry of each chain of the hash table
    ENTRIES       an entry for each answer: key's hash, neighbours, times, sizes, its first block
    NEXTS         the block behind each block; 0 ends an answer, or the list of free blocks
    TOLD          what was forgotten and kept here, for others, and what others have forgotten; see shared.py
    DATA          blocks of 4 KB: key, what it varies by, headers and body, without gaps

Numbers of entries and blocks begin with 1. Everything happens under one lock, a robust mutex that processes
share; a change that was not finished, because its thread died, empties the file. A cache forgets its oldest
answer where it has as many as it may; where there is no more room, the cache that has the most forgets its
own. Times are milliseconds since 1970.

Blocks have room in memory, or on the disk, 1 MB at a time when it is first needed, and are never more than
LIMIT or an eighth of the memory: a full memory costs the caching of an answer, and never the process.

What is to outlive a restart of the gateway is in a file of the state folder, what is not in memory and made
anew at each start. Neither outlives a restart of the machine, which may leave half of a change on the disk.
"""

import mmap
import os
import secrets
import struct
from pathlib import Path

from policies.catalog.http_caching import arrivals, shared
from policies.expression.lua import Value
from policies.memory import shared_file

LUA = [Path(__file__).with_name(name) for name in ("file.lua", "store.lua")]
MAGIC = b"GWCACHE3"
HEADER = struct.Struct("=8sII8s64s40x")
PAGE = BLOCK = 4096
LIMIT = 256 * 1024 * 1024
OWNER_COUNT, BUCKET_COUNT, MOST_ENTRIES, MOST_BLOCKS = 512, 32768, 32768, LIMIT // BLOCK
OWNERS, OWNER_BYTES = PAGE, 64
BUCKETS = OWNERS + OWNER_COUNT * OWNER_BYTES
ENTRIES = BUCKETS + BUCKET_COUNT * 4
NEXTS = ENTRIES + (MOST_ENTRIES + 1) * 128
TOLD = -(-(NEXTS + (MOST_BLOCKS + 1) * 4) // PAGE) * PAGE
DATA = TOLD + shared.SIZE
SIZE = DATA + LIMIT
MEMORY = shared_file.SharedFile("shm-cache", "answers", "-cache")
DISK = Path("cache", "answers")


def path(state: Path, *, persists: bool) -> Path:
    """Where a gateway with this state folder keeps them."""
    return state.absolute() / DISK if persists else MEMORY.path(state)


def settings(state: Path, *, persists: bool) -> dict[str, Value]:
    """What file.lua needs of the file."""
    return {
        "path": str(path(state, persists=persists)),
        "size": SIZE,
        "owners": OWNERS,
        "owner_count": OWNER_COUNT,
        "buckets": BUCKETS,
        "bucket_count": BUCKET_COUNT,
        "entries": ENTRIES,
        "nexts": NEXTS,
        "data": DATA,
        "told": TOLD,
        "told_records": shared.RECORDS,
    }


def prepare(state: Path) -> None:
    """Makes the files, and that of arrivals; what is on the disk is kept where it is usable. Raises OSError.

    What is in memory begins anew, unless an Envoy runs that uses it: its threads would not use the same
    file, and what one of them is told to forget the others would still give.
    """
    MEMORY.prepare(state, lambda file: is_usable(file) and shared_file.is_mapped(file), _create)
    arrivals.prepare(state)
    kept = path(state, persists=True)
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_usable(kept):
        _create(kept)


def is_usable(file: Path) -> bool:
    return shared_file.is_whole(file, HEADER, SIZE, MAGIC, None, MOST_ENTRIES)


def _create(file: Path) -> None:
    shared_file.create(file, SIZE, PAGE, _fill)


def _fill(memory: mmap.mmap) -> None:
    blocks = min(LIMIT, _memory_bytes() // 8) // BLOCK
    HEADER.pack_into(memory, 0, MAGIC, blocks, MOST_ENTRIES, secrets.token_bytes(8), shared_file.identity())
    shared_file.make_locks(memory, [HEADER.size])


def _memory_bytes() -> int:
    """What the machine, or the container, has."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            return min(whole, int(Path(file).read_text()))
        except (OSError, ValueError):
            continue
    return whole
