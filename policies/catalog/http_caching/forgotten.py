"""What replicas share of HTTP Caching: answers, and which of them are forgotten, by an Exchange."""

import logging
import math
import os
import secrets
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.catalog.http_caching import shared, store
from policies.catalog.http_caching.answers import FORGOTTEN, Answers
from policies.catalog.http_caching.shared import EVERYTHING, RECORD_BYTES, RECORDS, Header
from policies.traits import Storage

SCRIPT = Path(__file__).with_name("forgotten.lua").read_text()
MOST_TOLD = 1024
"""At once."""
HOUR_SECONDS = 3600

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StorageAnswer:
    """What the storage answers: whose count it is, up to where, what of it is new, and how many answers there
    were in all.
    """

    storage: bytes
    count: int
    is_lost: bool
    records: list[bytes]
    answers: int

    @classmethod
    def read(cls, told: Any) -> "StorageAnswer":
        """Raises ValueError for what is no answer."""
        match told:
            case [bytes(name), int(count), int(is_lost), list(records), int(answers)] if len(name) == 16:
                if all(isinstance(one, bytes) and len(one) == RECORD_BYTES for one in records):
                    return cls(name, count, bool(is_lost), records, answers)
        raise ValueError("what it answers is not understood")


class Forgotten:
    """Of one state folder. What is told and was not answered is told again: to forget twice does no harm."""

    def __init__(self, state: Path) -> None:
        self._files = [store.path(state, persists=one) for one in (False, True)]
        self._seen: dict[Path, tuple[int, int]] = {}
        self._shared: list[Path] = []
        self._kept = -math.inf
        self._state = state
        self._is_begun = False
        self._answers: Answers | None = None
        self._heard: StorageAnswer | None = None
        self._noted: dict[Path, float] = {}

    def changed(self) -> bool:
        """Ask the others in each round where a cache is one that replicas forget together."""
        self._shared = [one for one in self._files if _is_shared(one)]
        return bool(self._shared)

    def tell(self, storage: Storage) -> None:
        if storage.sealing_key and not self._is_begun:
            self._is_begun = True
            self._answers = _answers(self._state, storage.sealing_key)
        for file in self._shared:
            self._exchange(storage, file)
        if self._answers and self._heard:
            self._answers.exchange(storage, self._heard.storage, self._heard.answers, self._noted)

    def heard(self) -> None:
        """Nothing to do: each exchange takes in what was heard."""

    def again(self) -> None:
        """Nothing to do: what was told is marked in the file, and is told again where no answer came."""

    def _exchange(self, storage: Storage, file: Path) -> None:
        with _opened(file) as descriptor:
            with shared.section(descriptor, store.TOLD) as section:
                header = section.header
                records = section.told(int(header.out_told), self._whole(file, descriptor, header))
            lost = [EVERYTHING] if header.out_lost != header.lost_told else []
            self._noted[file] = header.note_count
            heard = self._told(storage, header, [*records, *lost])
            self._leave_out(heard, [*records, *lost])
            with shared.section(descriptor, store.TOLD) as section:
                section.hear(heard.records, heard.storage, heard.count, all_of_it=heard.is_lost)
                section.are_told(int(header.out_told) + len(records), header.out_lost)
            if self._answers:
                self._answers.arrivals.heeds(self._files.index(file), header.out_told + len(records))

    def _leave_out(self, heard: StorageAnswer, own: list[bytes]) -> None:
        """Of what others have kept, before scripts forget it, too."""
        self._heard = heard
        if self._answers and heard.is_lost:
            self._answers.lost()
        if self._answers:
            self._answers.forgotten(heard.records, heard.count - len(own))
            self._answers.forgotten(own, heard.count)

    def _whole(self, file: Path, descriptor: int, header: Header) -> int:
        """How many more records of OUT can be told: those that were there at the look before this one.

        On some processors the count is seen to grow before the record itself is.
        """
        told, found = int(header.out_told), os.fstat(descriptor).st_ino
        before, count = self._seen.get(file, (found, told))
        self._seen[file] = found, int(header.out_count)
        return min(count - told, MOST_TOLD) if before == found and count > told else 0

    def _told(self, storage: Storage, header: Header, records: list[bytes]) -> StorageAnswer:
        """Exchange with the storage, which keeps what it has for a day: that is renewed each hour."""
        now = time.monotonic()
        is_due = bool(records) or now - self._kept > HOUR_SECONDS
        name, known = secrets.token_bytes(len(header.storage)), int(header.heard)
        words: list[bytes | int] = [name, header.storage, known, RECORDS, int(is_due), *records]
        keys = [*FORGOTTEN, self._answers.queued] if self._answers else FORGOTTEN
        heard = StorageAnswer.read(storage.eval(SCRIPT, len(keys), *keys, *words))
        self._kept = now if is_due else self._kept
        return heard


def _answers(state: Path, key: bytes) -> Answers | None:
    try:
        return Answers(state, key)
    except OSError as error:
        log.error("answers=none reason=%r", f"those of other replicas have no room in memory: {error}")
        return None


def _is_shared(file: Path) -> bool:
    try:
        with _opened(file) as descriptor:
            found = os.pread(descriptor, shared.HEADER.size, store.TOLD)
        return Header(*shared.HEADER.unpack(found)).is_shared == 1
    except (OSError, struct.error):
        return False


@contextmanager
def _opened(file: Path) -> Iterator[int]:
    descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
