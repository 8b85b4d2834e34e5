"""Writes answers into the memory that Envoy's worker threads read (policies/answers/memory.py)."""

import ctypes
import fcntl
import logging
import mmap
import os
import struct
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from policies.answers import memory
from policies.memory.shared_file import LOCK_BYTES

OWNER_DIED = 130
EMPTY = bytes(memory.ENTRY.size)
_LIBC = ctypes.CDLL(None)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptAnswer:
    """`over` is in milliseconds of CLOCK_BOOTTIME."""

    question: str
    digest: bytes
    over: float
    is_yes: bool


class Remembered:
    """For one event loop. While another process holds the file, one that leaves, nothing is kept."""

    def __init__(self, state: Path) -> None:
        self._path = memory.PLACE.path(state)
        self._descriptor = -1
        self._memory: mmap.mmap | None = None
        self._kept: dict[int, KeptAnswer] = {}
        self._of: dict[tuple[str, bool], OrderedDict[int, None]] = {}
        self._is_full = False

    def keep(
        self, question: str, digest: bytes, text: bytes, seconds: float, *, is_yes: bool, most: int
    ) -> bool:
        """Whether it is there now. Of each question `most` are kept that say yes, and as many others."""
        if seconds <= 0 or most <= 0 or len(text) > memory.CELL or not self._holds():
            return False
        over = _now_ms() + seconds * 1000
        slot = self._slot(digest, is_yes=is_yes)
        if slot is None:
            return False
        self._forget(slot)
        alike = self._of.setdefault((question, is_yes), OrderedDict())
        while len(alike) >= most:
            self._forget(next(iter(alike)))
        try:
            os.pwrite(self._descriptor, text, memory.CELLS + slot * memory.CELL)
        except OSError as error:
            if not self._is_full:
                log.error("memory=%s kept=false reason=%r", self._path, str(error))
            self._is_full = True
            return False
        self._is_full = False
        self._write(slot, memory.ENTRY.pack(digest, over, len(text), 0))
        self._kept[slot] = KeptAnswer(question, digest, over, is_yes)
        alike[slot] = None
        return True

    def release(self) -> None:
        """Writes no more; what is there stays."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._memory = -1, None
        self._path = Path("/nowhere")

    def _holds(self) -> bool:
        if self._memory is not None:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not memory.is_usable(self._path):
                raise BlockingIOError
            self._memory = mmap.mmap(descriptor, memory.CELLS)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        for slot in range(memory.BUCKETS * memory.WAYS):
            digest, over, length, _ = memory.ENTRY.unpack_from(self._memory, _at(slot))
            if length:
                # Whose it is was known to the process that wrote it.
                self._kept[slot] = KeptAnswer("", digest, over, is_yes=True)
        return True

    def _slot(self, digest: bytes, *, is_yes: bool) -> int | None:
        """The digest's own place in its bucket, or a free one, or that of what counts least there."""
        first = struct.unpack_from("=Q", digest)[0] % memory.BUCKETS * memory.WAYS
        slots, now = range(first, first + memory.WAYS), _now_ms()
        kept = {slot: self._kept[slot] for slot in slots if slot in self._kept}
        for slot, one in kept.items():
            if one.digest == digest:
                return slot
        free = next((slot for slot in slots if slot not in kept or kept[slot].over <= now), None)
        if free is not None:
            return free
        least = min(kept, key=lambda slot: (kept[slot].is_yes, kept[slot].over))
        return least if is_yes or not kept[least].is_yes else None

    def _forget(self, slot: int) -> None:
        self._write(slot, EMPTY)
        if one := self._kept.pop(slot, None):
            alike = self._of.get((one.question, one.is_yes))
            if alike is not None:
                alike.pop(slot, None)
                if not alike:
                    del self._of[one.question, one.is_yes]

    def _write(self, slot: int, entry: bytes) -> None:
        assert self._memory is not None
        with self._locked(slot // memory.WAYS):
            at = _at(slot)
            self._memory[at : at + memory.ENTRY.size] = entry

    @contextmanager
    def _locked(self, bucket: int) -> Iterator[None]:
        assert self._memory is not None
        at = memory.INDEX + bucket * memory.BUCKET
        lock = (ctypes.c_char * LOCK_BYTES).from_buffer(self._memory, at)
        if _LIBC.pthread_mutex_lock(lock) == OWNER_DIED:
            _LIBC.pthread_mutex_consistent(lock)
        try:
            yield
        finally:
            _LIBC.pthread_mutex_unlock(lock)


def _at(slot: int) -> int:
    bucket, way = divmod(slot, memory.WAYS)
    return memory.INDEX + bucket * memory.BUCKET + LOCK_BYTES + way * memory.ENTRY.size


def _now_ms() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) * 1000
