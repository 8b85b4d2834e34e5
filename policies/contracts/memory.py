"""The files by which all worker threads of a gateway's Envoy know its contracts.

    contracts/head.2        magic, generation: the name of the one file that counts
    contracts/GENERATION.2  header: magic, generation, bytes, slots, contracts, places of what follows, key
                            slots: a hash table, open addressing: the number of an entry, or 0
                            entries: 160 bytes for each contract
                            limits, the names of contracts and applications, and the generation once more

A change writes another file and then its number into the head, one aligned store of 8 bytes: nobody sees half
of a change. Scripts map the head once and look at the number with each request; contracts.lua reads the rest.
A file that is not whole (its size, its two generations) counts as none, and what cannot be read refuses.

Client ids and the digests of secrets are there as SHA-256 with a key of the agent's before them. Generations
are microseconds, so that none is used twice. Nothing is synced to disk: what a power cut leaves is not whole,
and the agent writes anew when it starts. What ends does so by the clock of the machine: scripts look at it.

The number in the names is the layout's: scripts of an Envoy that has still routes of the release before read
on in the files of theirs, until those are swept.
"""

import ctypes
import hashlib
import mmap
import os
import secrets
import struct
import time
from array import array
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from policies.contracts.contract import MOST_SECRETS, Contract, Limit
from policies.expression.lua import Value

LUA, CLIENT_LUA, TELL_LUA = (
    Path(__file__).with_name(name) for name in ("contracts.lua", "client.lua", "tell.lua")
)
"""Files for `script`, each for those that need it: looking up, who calls, telling later policies."""
HEAD, ENDING = "head.2", ".2"
HEAD_MAGIC, MAGIC = b"GWCONTH2", b"GWCONTR2"
HEAD_BYTES, KEY_BYTES = 4096, 32
HEADER = struct.Struct("=8sddIIII32s56x")
ENTRY_WORDS = struct.Struct("=8i8i8i")
ENTRY_REST = struct.Struct("=dddIIIIIII12x")
ENTRY_BYTES = ENTRY_WORDS.size + ENTRY_REST.size
LIMIT = struct.Struct("=I4xd")
END = struct.Struct("=d")
_DIGESTS = struct.Struct(">24i")
Words = tuple[int, bytes]
"""Where a contract begins to look for a place, and the digests of its entry."""


def folder(state: Path) -> Path:
    return state.absolute() / "contracts"


def settings(state: Path, api: str) -> Value:
    """What contracts.lua needs, as `contracts`."""
    return {"folder": str(folder(state)), "api": api}


class Book:
    """The contracts of one gateway; for one writer at a time."""

    def __init__(self, state: Path) -> None:
        self._folder = folder(state)
        self._written: tuple[Contract, ...] | None = None
        self._generation = 0
        self._key = secrets.token_bytes(KEY_BYTES)
        self._digests: dict[int, tuple[Contract, Words]] = {}
        """By the identity of each contract, which lives as long: to compare 10,000 takes longer."""

    @property
    def contracts(self) -> tuple[Contract, ...] | None:
        """Those in force; None where this process has written none yet."""
        return self._written

    def write(self, contracts: Iterable[Contract]) -> None:
        """From now on these are all. Harmless on repeat. Raises OSError, and then nothing has changed."""
        wanted = tuple(contracts)
        if wanted == self._written and self._is_there():
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        before = self._generation or self._told()
        generation = max(before + 1, time.time_ns() // 1000)
        file = self._folder / f"{generation}{ENDING}"
        beside = self._folder / ".new"
        with open(beside, "wb", opener=_owners_alone) as new:
            new.write(_content(wanted, generation, self._key, self._digested(wanted)))
        beside.replace(file)
        self._tell(generation)
        if self._generation:
            # Envoy has had time to take the routes of this release.
            self._sweep_old_layout()
        self._written, self._generation = wanted, generation
        self._sweep({f"{generation}{ENDING}", f"{before}{ENDING}"})

    def _digested(self, wanted: Sequence[Contract]) -> list[Words]:
        """Of each contract what is made of its id and secret; of those that were there before, the same."""
        known, key = self._digests, self._key
        self._digests = {id(one): known.get(id(one)) or (one, _words(one, key)) for one in wanted}
        return [self._digests[id(one)][1] for one in wanted]

    def _is_there(self) -> bool:
        return self._told() == self._generation and (self._folder / f"{self._generation}{ENDING}").exists()

    def _told(self) -> int:
        """The generation that the head tells; 0 where there is none."""
        with suppress(OSError, struct.error, ValueError, OverflowError):
            content = (self._folder / HEAD).read_bytes()
            if len(content) == HEAD_BYTES and content.startswith(HEAD_MAGIC):
                return int(END.unpack_from(content, 8)[0])
        return 0

    def _tell(self, generation: int) -> None:
        head = self._folder / HEAD
        if not self._told():
            # Replaced, never cut: a script that has it mapped would crash Envoy.
            beside = self._folder / ".head.new"
            with open(beside, "wb", opener=_owners_alone) as new:
                new.write((HEAD_MAGIC + END.pack(generation)).ljust(HEAD_BYTES, b"\0"))
            beside.replace(head)
            return
        with head.open("r+b") as file, mmap.mmap(file.fileno(), HEAD_BYTES) as memory:
            number = ctypes.c_double.from_buffer(memory, 8)
            number.value = generation
            del number  # The mapping cannot be closed while something points into it.

    def _sweep(self, kept: set[str]) -> None:
        """The one before stays: a script may be about to open it."""
        for path in self._folder.iterdir():
            if path.name.endswith(ENDING) and path.name not in {HEAD, *kept}:
                path.unlink(missing_ok=True)

    def _sweep_old_layout(self) -> None:
        for path in self._folder.iterdir():
            if path.name.isdigit() or path.name == "head":
                path.unlink(missing_ok=True)


def _owners_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _content(contracts: Sequence[Contract], generation: int, key: bytes, digests: Sequence[Words]) -> bytes:
    slots = 1 << max(4, (2 * len(contracts)).bit_length())
    entries_at = HEADER.size + slots * 4
    limits_at = entries_at + len(contracts) * ENTRY_BYTES
    places, listed = _limits(dict.fromkeys(one.limits for one in contracts if one.limits))
    names, names_at = _names(contracts, limits_at + len(listed))
    table, entries = array("I", bytes(4 * slots)), []
    for number, (one, (start, words)) in enumerate(zip(contracts, digests, strict=True), 1):
        at = start & (slots - 1)
        while table[at]:
            at = (at + 1) & (slots - 1)
        table[at] = number
        first, second = (*(it.until for it in one.secrets), 0.0, 0.0)[:MOST_SECRETS]
        limits = places.get(one.limits, 0), len(one.limits)
        named = (*names_at[one.application], *limits, *names_at[one.name])
        entries += [words, ENTRY_REST.pack(one.until, first, second, len(one.secrets), *named)]
    size = limits_at + len(listed) + len(names) + END.size
    header = HEADER.pack(MAGIC, generation, size, slots, len(contracts), entries_at, limits_at, key)
    return b"".join((header, table.tobytes(), *entries, listed, names, END.pack(generation)))


def _words(one: Contract, key: bytes) -> Words:
    """The digests of its id and of its secrets' digests. No API's name and no id holds a NUL: none of these
    texts is another's.
    """
    digests = [hashlib.sha256(key + f"{one.api}\0{one.client_id}".encode()).digest()]
    digests += [hashlib.sha256(key + secret.digest).digest() for secret in one.secrets]
    words = _DIGESTS.unpack(b"".join(digests).ljust(_DIGESTS.size, b"\0"))
    return words[0], ENTRY_WORDS.pack(*words)


def _limits(sets: Iterable[tuple[Limit, ...]]) -> tuple[dict[tuple[Limit, ...], int], bytes]:
    """Where each set begins, counted in limits; and all of them."""
    places: dict[tuple[Limit, ...], int] = {}
    listed = bytearray()
    for one in sets:
        places[one] = len(listed) // LIMIT.size
        for limit in one:
            listed += LIMIT.pack(limit.maximum, limit.period_ms)
    return places, bytes(listed)


def _names(contracts: Iterable[Contract], start: int) -> tuple[bytes, dict[str, tuple[int, int]]]:
    """The names, filled up to eight bytes, and where each stands in the file."""
    places: dict[str, tuple[int, int]] = {}
    texts = bytearray()
    for name in (name for one in contracts for name in (one.application, one.name)):
        if name not in places:
            text = name.encode()
            places[name] = start + len(texts), len(text)
            texts += text
    return bytes(texts.ljust(-(-len(texts) // 8) * 8, b"\0")), places
