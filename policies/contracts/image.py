"""What a file of contracts holds (memory.py tells its layout), kept so that the next is had by changing it.

To lay out 10,000 contracts takes 50 ms, to find what differs and change it 5. What goes leaves its entry
empty, in which no client is found; what comes takes an unused one, and its texts go to the end. When there is
no room left, or much is left behind, all are laid out anew.
"""

import hashlib
import struct
from array import array
from collections.abc import Sequence

from policies.contracts.contract import MOST_SECRETS, Contract, Limit

MAGIC = b"GWCONTR2"
HEADER = struct.Struct("=8sddIIII32s56x")
ENTRY_WORDS = struct.Struct("=8i8i8i")
ENTRY_REST = struct.Struct("=dddIIIIIIIII4x")
ENTRY_BYTES = ENTRY_WORDS.size + ENTRY_REST.size
LIMIT = struct.Struct("=I4xd")
END = struct.Struct("=d")
SPARE, SPARE_SHARE = 64, 8
"""Free entries for contracts that come: so many, and one more for each of so many contracts."""
MOST_LEFT_BEHIND = 1 << 20
"""Bytes of texts that are added before all is laid out anew."""
_DIGESTS = struct.Struct(">24i")
Words = tuple[int, bytes]
"""Where a contract begins to look for a place, and the digests of its entry."""


class Image:
    """The contracts that were taken last. `key` goes before all that is digested."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._words: dict[int, Words] = {}
        self._placed: dict[int, tuple[Contract, int]] = {}
        """By each contract's identity: comparing 10,000 by value takes longer. The image keeps them alive."""
        self._lay_out({})

    def take(self, contracts: Sequence[Contract]) -> None:
        """From now on these are all."""
        wanted = {id(one): one for one in contracts}
        gone = self._placed.keys() - wanted.keys()
        new = wanted.keys() - self._placed.keys()
        has_room = self._used + len(new) <= self._entries_most and len(self._tail) <= self._tail_most
        if has_room:
            self._remove(gone)
            for one in (one for who, one in wanted.items() if who in new):
                self._place(one)
        else:
            self._words = {who: words for who, words in self._words.items() if who in wanted}
            self._lay_out(wanted)

    def content(self, generation: int) -> bytes:
        """The file of this generation."""
        slots = len(self._table)
        entries_at = HEADER.size + 4 * slots
        tail = self._tail.ljust(-(-len(self._tail) // 8) * 8, b"\0")
        size = self._tail_at + len(tail) + END.size
        places = slots, len(self._placed), entries_at, self._tail_at
        header = HEADER.pack(MAGIC, generation, size, *places, self._key)
        return b"".join((header, self._table.tobytes(), self._entries, tail, END.pack(generation)))

    def _lay_out(self, wanted: dict[int, Contract]) -> None:
        most = len(wanted) + len(wanted) // SPARE_SHARE + SPARE
        slots = 1 << (2 * most).bit_length()
        self._placed, self._used, self._entries_most = {}, 0, most
        self._table, self._entries = array("I", bytes(4 * slots)), bytearray(most * ENTRY_BYTES)
        self._tail_at = HEADER.size + 4 * slots + most * ENTRY_BYTES
        self._tail, self._texts = bytearray(), dict[str, tuple[int, int]]()
        self._limits = dict[tuple[Limit, ...], int]()
        for one in wanted.values():
            self._place(one)
        self._tail_most = 2 * len(self._tail) + MOST_LEFT_BEHIND

    def _remove(self, gone: set[int]) -> None:
        for who in gone:
            _, number = self._placed.pop(who)
            self._words.pop(who, None)
            at = (number - 1) * ENTRY_BYTES
            self._entries[at : at + ENTRY_BYTES] = bytes(ENTRY_BYTES)

    def _place(self, one: Contract) -> None:
        self._used += 1
        who, number, mask = id(one), self._used, len(self._table) - 1
        start, words = self._words[who] = self._words.get(who) or _words(one, self._key)
        at = start & mask
        while self._table[at]:
            at = (at + 1) & mask
        self._table[at] = number
        first, second = (*(it.until for it in one.secrets), 0.0, 0.0)[:MOST_SECRETS]
        named = (*self._text(one.application), *self._limit(one.limits), *self._text(one.name))
        label = self._text(one.label) if one.label else (0, 0)
        rest = ENTRY_REST.pack(one.until, first, second, len(one.secrets), *named, *label)
        at = (number - 1) * ENTRY_BYTES
        self._entries[at : at + ENTRY_BYTES] = words + rest
        self._placed[who] = one, number

    def _text(self, text: str) -> tuple[int, int]:
        """Where it stands in the file, and its length."""
        if text not in self._texts:
            encoded = text.encode()
            self._texts[text] = self._tail_at + len(self._tail), len(encoded)
            self._tail += encoded
        return self._texts[text]

    def _limit(self, limits: tuple[Limit, ...]) -> tuple[int, int]:
        """Where these begin, counted in limits, and how many they are."""
        if limits and limits not in self._limits:
            self._tail += bytes(-len(self._tail) % LIMIT.size)
            self._limits[limits] = len(self._tail) // LIMIT.size
            for one in limits:
                self._tail += LIMIT.pack(one.maximum, one.period_ms)
        return self._limits.get(limits, 0), len(limits)


def _words(one: Contract, key: bytes) -> Words:
    """The digests of its id and of its secrets' digests. No API's name and no id holds a NUL: none of these
    texts is another's.
    """
    digests = [hashlib.sha256(key + f"{one.api}\0{one.client_id}".encode()).digest()]
    digests += [hashlib.sha256(key + secret.digest).digest() for secret in one.secrets]
    words = _DIGESTS.unpack(b"".join(digests).ljust(_DIGESTS.size, b"\0"))
    return words[0], ENTRY_WORDS.pack(*words)
