"""The file in which the authorizer remembers answers, and all worker threads of a gateway's Envoy read them.

    page 0                header: magic, sizes, secret key of the digest, boot id and machine
    INDEX + n * BUCKET    bucket n: a lock (bytes 0-127), then WAYS entries of 32 bytes
    CELLS + n * CELL      the text of entry n, counted through all buckets

A credential hashes to a digest of 128 bits, keyed by the file's secret and the question; what the file holds
says nothing of credentials. The first half of the digest chooses the bucket. An entry holds the digest, the
time at which it is over (milliseconds of CLOCK_BOOTTIME) and the length of its text.

One process writes, the authorizer that holds the file's lock. An entry is cleared before its text is written
and filled when that is there, both under the bucket's lock, under which readers copy: nobody reads half of a
text. Cells have room on the disk when they are written, so that a full one costs the memory of an answer and
not the process that reads it. The file outlives Envoy and the agent, not a reboot.
"""

import mmap
import secrets
import struct
from pathlib import Path

from policies.expression.lua import Value
from policies.memory import shared_file

PLACE = shared_file.SharedFile("shm-answers", "answers-1", "-answers")
MAGIC = b"GWANSWR1"
HEADER = struct.Struct("=8sII16s32x64s")
ENTRY = struct.Struct("=16sdII")
BUCKETS, WAYS = 1024, 16
BUCKET = shared_file.LOCK_BYTES + WAYS * ENTRY.size
CELL = 8192
INDEX = 4096
CELLS = INDEX + BUCKETS * BUCKET
SIZE = CELLS + BUCKETS * WAYS * CELL


def prepare(state: Path) -> None:
    """Makes the file unless a usable one is there. Raises OSError."""
    PLACE.prepare(state, is_usable, lambda file: shared_file.create(file, SIZE, CELLS, _fill))


def settings(state: Path) -> dict[str, Value]:
    """What asking.lua needs of it."""
    return {
        "path": str(PLACE.path(state)),
        "size": SIZE,
        "buckets": BUCKETS,
        "ways": WAYS,
        "bucket": BUCKET,
        "cell": CELL,
        "index": INDEX,
        "cells": CELLS,
    }


def is_usable(file: Path) -> bool:
    return shared_file.is_whole(file, HEADER, SIZE, MAGIC, BUCKETS, WAYS)


def _fill(memory: mmap.mmap) -> None:
    HEADER.pack_into(memory, 0, MAGIC, BUCKETS, WAYS, secrets.token_bytes(16), shared_file.identity())
    shared_file.make_locks(memory, range(INDEX, CELLS, BUCKET))
