"""The file in which all worker threads of a gateway's Envoy note what Spike Control lets pass.

    page 0            header: magic, secret seed of the hash, boot id and machine, a lock for claiming slots
    page 1 + 3 n      slot n, of one binding: a lock, the hash of the binding's name, two rings of times; the
                      window's length, the name that replicas give it, how many others let pass, and when
                      they said so; how many requests a time stands for; how many came since, and when

The rings hold when the newest 1200 groups of requests were admitted and when the newest 250 requests began to
wait, in milliseconds of CLOCK_MONOTONIC. A group is one request, or as few as let 1200 groups hold
`maximumRequests`; its time is that of its last. A request may pass if the group that was admitted
`maximumRequests` before it has left the window: so no window, wherever it begins, has more. As many wait as
began to within the last delay.

Where replicas share a limit, each tells the others how many it has let pass in the window that ends now, and
takes theirs from its own: admitted.py does that, beside all requests.

A slot whose binding has admitted nothing for two hours may become another's.
"""

import hashlib
import mmap
import secrets
import struct
from pathlib import Path

from policies.expression.lua import Value
from policies.memory import shared_file

MAGIC = b"GWSPIKE1"
PAGE = 4096
SLOTS, SLOT_PAGES = 512, 3
MOST_REQUESTS, MOST_GROUPS, MOST_WAITING = 1_000_000, 1200, 250
SIZE = PAGE * (1 + SLOTS * SLOT_PAGES)
HEADER = struct.Struct("=8s8s112s")
LOCK_OF_SLOTS = 128
ADMITTED_AT, SHARED, RING = 136, struct.Struct("=d8sdIII4xd"), 256
"""In a slot: where the ring's next place is told, where `SHARED` begins behind it, and the ring."""
SHARED_AT = 144
HEARD_MS = 2000
"""For so long counts what others said last."""
PLACE = shared_file.SharedFile("spikes", "spikes", "-spikes")


def path(state: Path) -> Path:
    return PLACE.path(state)


def group_of(maximum: int) -> int:
    """How many requests one time in the ring stands for."""
    return -(-maximum // MOST_GROUPS)


def settings(state: Path, *, shared_as: str = "") -> dict[str, Value]:
    """What spike.lua needs of the file. `shared_as` is a name that is the same in all replicas."""
    name = hashlib.blake2b(shared_as.encode(), digest_size=8).digest() if shared_as else bytes(8)
    return {
        "path": str(path(state)),
        "size": SIZE,
        "slots": SLOTS,
        "shared_as": struct.unpack("=2i", name),
        "heard_ms": HEARD_MS,
    }


def prepare(state: Path) -> None:
    """Makes the file unless a usable one is there. Raises OSError."""
    PLACE.prepare(state, _is_usable, lambda file: shared_file.create(file, SIZE, SIZE, _fill))


def _is_usable(file: Path) -> bool:
    return shared_file.is_whole(file, HEADER, SIZE, MAGIC)


def _fill(memory: mmap.mmap) -> None:
    HEADER.pack_into(memory, 0, MAGIC, secrets.token_bytes(8), shared_file.identity())
    shared_file.make_locks(memory, (LOCK_OF_SLOTS, *range(PAGE, SIZE, SLOT_PAGES * PAGE)))
