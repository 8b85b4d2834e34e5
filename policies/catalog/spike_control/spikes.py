"""The file in which all worker threads of a gateway's Envoy note what Spike Control lets pass.

    page 0            header: magic, secret seed of the hash, boot id and machine, a lock for claiming slots
    page 1 + 3 n      slot n, of one binding: a lock, the hash of the binding's name, two rings of times

The rings hold when the newest 1200 requests were admitted and when the newest 250 began to wait, in
milliseconds of CLOCK_MONOTONIC. A request may pass if the one that was admitted `maximumRequests` before it
has left the window: so no window, wherever it begins, has more. As many wait as began to within the last
delay.

A slot whose binding has admitted nothing for two hours may become another's.
"""

import mmap
import secrets
import struct
from pathlib import Path

from policies.memory import place

MAGIC = b"GWSPIKE1"
PAGE = 4096
SLOTS, SLOT_PAGES = 512, 3
MOST_REQUESTS, MOST_WAITING = 1200, 250
SIZE = PAGE * (1 + SLOTS * SLOT_PAGES)
HEADER = struct.Struct("=8s8s112s")
LOCK_OF_SLOTS = 128
PLACE = place.Place("spikes", "spikes", "-spikes")


def path(state: Path) -> Path:
    return PLACE.path(state)


def prepare(state: Path) -> None:
    """Makes the file unless a usable one is there. Raises OSError."""
    PLACE.prepare(state, _is_usable, lambda file: place.create(file, SIZE, SIZE, _fill))


def _is_usable(file: Path) -> bool:
    return place.is_whole(file, HEADER, SIZE, MAGIC)


def _fill(memory: mmap.mmap) -> None:
    HEADER.pack_into(memory, 0, MAGIC, secrets.token_bytes(8), place.identity())
    place.make_locks(memory, (LOCK_OF_SLOTS, *range(PAGE, SIZE, SLOT_PAGES * PAGE)))
