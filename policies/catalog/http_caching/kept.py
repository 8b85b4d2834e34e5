"""What scripts have kept newly in one of the files of `store`, for others to have it too."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from policies.catalog.http_caching import shared, store
from policies.catalog.http_caching.shared import MOST_NOTES, Header, Note

_ENTRY = struct.Struct("=4d2i5I8I36x")
_NEXT, _VALID_FROM = struct.Struct("=I"), struct.Struct("=24xd")
_NONE = bytes(16)


@dataclass(frozen=True)
class Kept:
    """An entry as it stands; times are milliseconds of this machine's clock."""

    record: bytes
    stored: float
    fresh_until: float
    age: float
    status: int
    is_open: int
    is_strict: int
    is_told: int
    texts: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return sum(map(len, self.texts))


class KeptAnswers:
    """Of one file. Reading takes no lock: an entry that is changed meanwhile is none any more."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._inode = self._next = self._seen = 0
        self.missed = 0
        """So many there were too many of."""

    def has_all(self, noted: float) -> bool:
        """Whether none of so many is new. The first look is always worth it: they may be of another file."""
        return bool(self._inode) and noted == self._next

    def new(self) -> Iterator[tuple[Header, Kept | None]]:
        """One after the other; None of what is gone again. What is not asked for comes again.

        Raises OSError.
        """
        descriptor = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            header, notes, waiting = self._noted()
            if header.all_done != header.all_count:
                return
            for note in notes:
                self._next += 1
                yield header, None if _is_named(note.record, waiting) else _entry(descriptor, note)
        finally:
            os.close(descriptor)

    def again(self) -> None:
        """The one that came last is to come again."""
        self._next -= 1

    def _noted(self) -> tuple[Header, list[Note], set[bytes]]:
        """Those that were there at the look before this one, as in `Forgotten`."""
        descriptor = os.open(self._file, os.O_RDWR | os.O_CLOEXEC)
        try:
            inode = os.fstat(descriptor).st_ino
            with shared.section(descriptor, store.TOLD) as section:
                header = section.header
                count = int(header.note_count)
                if inode != self._inode:
                    self._inode, self._seen, self._next = inode, count, max(0, count - MOST_NOTES)
                if (lost := count - MOST_NOTES - self._next) > 0:
                    self.missed, self._next = self.missed + lost, self._next + lost
                notes = section.notes(self._next, max(0, self._seen - self._next))
                self._seen = count
                return header, notes, set(section.waiting)
        finally:
            os.close(descriptor)


def _is_named(record: bytes, waiting: set[bytes]) -> bool:
    return not waiting.isdisjoint((record, record[:16] + _NONE, _NONE + _NONE))


def _entry(descriptor: int, note: Note) -> Kept | None:
    at = store.ENTRIES + note.at * _ENTRY.size
    values = _ENTRY.unpack(os.pread(descriptor, _ENTRY.size, at))
    number, stored, fresh_until, age, _, _, _, _, _, owner, first, *sizes = values
    sizes, (status, is_open, is_strict, is_told) = sizes[:4], sizes[4:]
    if number != note.number or sum(sizes) > store.LIMIT or not _is_valid(descriptor, owner, number):
        return None
    text = _text(descriptor, first, sum(sizes))
    if os.pread(descriptor, 8, at) != struct.pack("=d", note.number) or text is None:
        return None
    parts, start = [], 0
    for size in sizes:
        parts.append(text[start : start + size])
        start += size
    times = stored, fresh_until, age
    return Kept(note.record, *times, status, is_open, is_strict, is_told, tuple(parts))


def _is_valid(descriptor: int, owner: int, number: float) -> bool:
    found = os.pread(descriptor, _VALID_FROM.size, store.OWNERS + owner * store.OWNER_BYTES)
    return number >= float(_VALID_FROM.unpack(found)[0])


def _text(descriptor: int, block: int, length: int) -> bytes | None:
    """From block to block; None where that leads nowhere, since somebody changes it."""
    parts = []
    while length > 0:
        if not 0 < block <= store.MOST_BLOCKS:
            return None
        many = min(length, store.BLOCK)
        parts.append(os.pread(descriptor, many, store.DATA + (block - 1) * store.BLOCK))
        (block,) = _NEXT.unpack(os.pread(descriptor, _NEXT.size, store.NEXTS + block * _NEXT.size))
        length -= many
    return b"".join(parts)
