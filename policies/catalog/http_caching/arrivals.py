"""What other replicas have kept: a file that the agent alone writes, where scripts look that have nothing.

    page 0        header: magic; how much of our own forgetting is heeded here, for each file of store.py
    SLOTS         BUCKETS times WAYS: number, times, record, place and sizes of an answer
    DATA          the answers: key, what it varies by, headers and body, in one piece, the oldest making room

No lock: a slot's number is 0 while it is written, and none comes again; who reads looks at it before and
behind. What a script finds it keeps in its own cache as if it had asked the upstream. Where there is no room
in memory an answer is left out.
"""

import mmap
import os
import struct
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from policies.catalog.http_caching.sealing import Answer
from policies.expression.lua import Value
from policies.memory import shared_file

LUA = Path(__file__).with_name("arrivals.lua")
MAGIC = b"GWARRIV1"
HEADER = struct.Struct("=8s2dQ32x64s")
SLOT = struct.Struct("=3d32sd8I24x")
NUMBER, DONE, IS_READY = struct.Struct("=d"), 8, 24
PAGE, BUCKETS, WAYS = 4096, 2048, 8
SLOTS = PAGE
SLOT_BYTES = NUMBER.size + SLOT.size
DATA = SLOTS + BUCKETS * WAYS * SLOT_BYTES
LIMIT = 64 * 1024 * 1024
SIZE = DATA + LIMIT
MEMORY = shared_file.SharedFile("shm-arrivals", "arrivals", "-arrivals")


def settings(state: Path, *, persists: bool) -> dict[str, Value]:
    """What arrivals.lua needs."""
    return {"path": str(MEMORY.path(state)), "size": SIZE, "slots": SLOTS, "file": int(persists)}


def prepare(state: Path) -> None:
    """Makes the file, which takes next to nothing until something arrives. Raises OSError."""
    MEMORY.prepare(state, lambda file: _is_usable(file) and shared_file.is_mapped(file), _create)


def _is_usable(file: Path) -> bool:
    return shared_file.is_whole(file, HEADER, SIZE, MAGIC)


def _create(file: Path) -> None:
    def fill(memory: mmap.mmap) -> None:
        HEADER.pack_into(memory, 0, MAGIC, 0, 0, 0, shared_file.identity())

    shared_file.create(file, SIZE, PAGE, fill)


@dataclass(frozen=True)
class _Held:
    slot: int
    number: float
    record: bytes
    variant: bytes
    sealed_ms: float
    first: int
    end: int


class Arrivals:
    """For the agent; it begins anew with each of its processes.

    Of a small memory, such as a container's, it takes a quarter of what is free: the caches need theirs.
    """

    def __init__(self, state: Path, most_bytes: int = LIMIT) -> None:
        self._opened = MEMORY.path(state).open("r+b", buffering=0)
        self._file = self._opened.fileno()
        room = os.fstatvfs(self._file)
        self._most = min(most_bytes, room.f_bavail * room.f_frsize // 4)
        self._held: dict[int, _Held] = {}
        self._order: deque[_Held] = deque()
        self._number, self._next = time.time_ns() // 1000, 0
        os.posix_fallocate(self._file, 0, DATA)
        for bucket in range(BUCKETS):
            os.pwrite(self._file, bytes(WAYS * SLOT_BYTES), SLOTS + bucket * WAYS * SLOT_BYTES)
        os.pwrite(self._file, (1).to_bytes(8, "little"), IS_READY)

    def put(self, one: Answer, stored: float, fresh_until: float, age: float) -> bool:
        """False where there is no room, or a later one of the same."""
        slot = self._slot(one)
        before = self._held.get(slot)
        if before and _is_same(before, one) and before.sealed_ms >= one.sealed_ms:
            return False
        content = b"".join(one.texts)
        if len(content) > self._most:
            return False
        self._drop(slot)
        place = self._room(len(content))
        sizes = map(len, one.texts)
        told = one.status, one.is_open, one.is_strict, one.is_told
        fields = SLOT.pack(stored, fresh_until, age, one.record, DATA + place, *sizes, *told)
        at, self._number = SLOTS + slot * SLOT_BYTES, self._number + 1
        try:
            os.pwrite(self._file, content, DATA + place)
        except OSError:
            return False
        os.pwrite(self._file, fields, at + NUMBER.size)
        os.pwrite(self._file, NUMBER.pack(self._number), at)
        held = _Held(slot, self._number, one.record, one.vary, one.sealed_ms, place, place + len(content))
        self._held[slot] = held
        self._order.append(held)
        return True

    def forget(self, records: Iterable[bytes]) -> None:
        """Of these: of a key, of a cache, or all."""
        gone = set(records)
        if not gone or not self._held:
            return
        none = bytes(16)
        for one in list(self._held.values()):
            if gone & {one.record, one.record[:16] + none, none + none}:
                self._drop(one.slot)

    def forget_all(self) -> None:
        self.forget([bytes(32)])

    def heeds(self, file: int, told: float) -> None:
        """Of what this replica has forgotten itself, in that file, so much."""
        os.pwrite(self._file, NUMBER.pack(told), DONE + file * NUMBER.size)

    def _slot(self, one: Answer) -> int:
        """That of the same variant, else a free one, else the oldest of the bucket."""
        first = (int.from_bytes(one.record[16:20], "little") % BUCKETS) * WAYS
        ways = range(first, first + WAYS)
        for slot in ways:
            if (held := self._held.get(slot)) and _is_same(held, one):
                return slot
        return min(ways, key=lambda slot: self._held[slot].number if slot in self._held else 0)

    def _drop(self, slot: int) -> None:
        if self._held.pop(slot, None):
            os.pwrite(self._file, NUMBER.pack(0), SLOTS + slot * SLOT_BYTES)

    def _room(self, length: int) -> int:
        """Where so much stands in one piece: behind the last, or at the beginning again."""
        if self._next + length > self._most:
            self._free(self._next, self._most)
            self._next = 0
        place, self._next = self._next, self._next + length
        self._free(place, self._next)
        return place

    def _free(self, first: int, end: int) -> None:
        """The oldest lie before what is to be written next, in their order."""
        while self._order and (oldest := self._order[0]).first < end and first < oldest.end:
            self._order.popleft()
            if self._held.get(oldest.slot) is oldest:
                self._drop(oldest.slot)


def _is_same(held: _Held, one: Answer) -> bool:
    return held.record == one.record and held.variant == one.vary
