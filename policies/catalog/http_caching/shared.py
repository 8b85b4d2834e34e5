"""What replicas tell each other of their caches: which answers are forgotten, and which are new.

A section of each file of answers, in which nobody takes a lock that a request could wait for:

    header        numbers that only grow; each has one writer
    OUT           what scripts have forgotten, one after the other
    IN            what others have forgotten; scripts forget it too before they look for an answer
    NOTES         where answers stand that scripts have kept, for others to have them too

A record is two digests of 128 bits, of the cache's name and of the key: zeros for all keys, and all caches.
Where there is no room for a record, a number of the header grows instead, and all that is shared is
forgotten.
"""

import ctypes
import mmap
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

LUA = Path(__file__).with_name("shared.lua")
RECORDS = 4096
RECORD_BYTES, PAGE = 32, 4096
NOTE = struct.Struct(f"@d{RECORD_BYTES}sI20x")
MOST_NOTES = 1024
HEADER = struct.Struct("@8dI4xd16sd24x")
OUT = HEADER.size
IN = OUT + RECORDS * RECORD_BYTES
NOTES = IN + RECORDS * RECORD_BYTES
SIZE = -(-(NOTES + MOST_NOTES * NOTE.size) // PAGE) * PAGE
EVERYTHING = bytes(RECORD_BYTES)
_IN_COUNT, _ALL_COUNT, _OUT_TOLD, _LOST_TOLD, _HEARD, _STORAGE = 32, 40, 48, 56, 72, 80


class Header(NamedTuple):
    """Scripts write the first four, whether any of the file's caches is shared, and how many answers they
    have noted; agents the others.

    `heard` is how many records the storage of that name has had, as far as this file knows of them.
    """

    out_count: float
    out_lost: float
    in_done: float
    all_done: float
    in_count: float
    all_count: float
    out_told: float
    lost_told: float
    is_shared: int
    heard: float
    storage: bytes
    note_count: float


class Note(NamedTuple):
    """Of an answer: the number that none has again, its record, and the place of its entry."""

    number: float
    record: bytes
    at: int


class Section:
    """For the agent."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    @property
    def header(self) -> Header:
        return Header(*HEADER.unpack_from(self._memory))

    def told(self, first: int, count: int) -> list[bytes]:
        """Records of OUT."""
        places = (OUT + (number % RECORDS) * RECORD_BYTES for number in range(first, first + count))
        return [self._memory[at : at + RECORD_BYTES] for at in places]

    def notes(self, first: int, count: int) -> list[Note]:
        places = (NOTES + (number % MOST_NOTES) * NOTE.size for number in range(first, first + count))
        return [Note(*NOTE.unpack_from(self._memory, at)) for at in places]

    @property
    def waiting(self) -> list[bytes]:
        """Records of IN that no script has heeded yet."""
        header = self.header
        places = (
            IN + (number % RECORDS) * RECORD_BYTES
            for number in range(int(header.in_done), int(header.in_count))
        )
        return [self._memory[at : at + RECORD_BYTES] for at in places]

    def are_told(self, count: int, lost: float) -> None:
        """So many of OUT in all."""
        self._write(_OUT_TOLD, count)
        self._write(_LOST_TOLD, lost)

    def hear(self, records: Sequence[bytes], storage: bytes, heard: int, *, all_of_it: bool) -> None:
        """What others have forgotten is forgotten here, before the next look for an answer."""
        header = self.header
        has_room = len(records) <= RECORDS - (header.in_count - header.in_done)
        if all_of_it or EVERYTHING in records or not has_room:
            self._write(_ALL_COUNT, header.all_count + 1)
        else:
            for number, record in enumerate(records, int(header.in_count)):
                at = IN + (number % RECORDS) * RECORD_BYTES
                self._memory[at : at + RECORD_BYTES] = record
            self._write(_IN_COUNT, header.in_count + len(records))
        self._write(_HEARD, heard)
        self._memory[_STORAGE : _STORAGE + len(storage)] = storage

    def _write(self, place: int, number: float) -> None:
        """At once: scripts read it meanwhile."""
        ctypes.c_double.from_buffer(self._memory, place).value = number


@contextmanager
def section(descriptor: int, at: int) -> Iterator[Section]:
    """For a moment alone: a file that somebody maps counts as in use when a gateway starts."""
    with mmap.mmap(descriptor, SIZE, offset=at) as memory:
        yield Section(memory)
