"""The files by which all worker threads of a gateway's Envoy know its contracts.

    contracts/head.2        magic, generation: the name of the one file that counts
    contracts/GENERATION.2  header: magic, generation, bytes, slots, contracts, places of what follows, key
                            slots: a hash table, open addressing: the number of an entry, or 0
                            entries: 160 bytes for each contract
                            limits, the names of contracts and applications, the labels of these, and the
                            generation once more

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
import mmap
import os
import secrets
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from policies.contracts.contract import Contract
from policies.contracts.image import END, Image
from policies.expression.lua import Value

LUA, CLIENT_LUA, TELL_LUA = (
    Path(__file__).with_name(name) for name in ("contracts.lua", "client.lua", "tell.lua")
)
"""Files for `script`, each for those that need it: looking up, who calls, telling later policies."""
HEAD, ENDING = "head.2", ".2"
HEAD_MAGIC = b"GWCONTH2"
HEAD_BYTES, KEY_BYTES = 4096, 32


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
        self._image = Image(secrets.token_bytes(KEY_BYTES))

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
            self._image.take(wanted)
            new.write(self._image.content(generation))
        beside.replace(file)
        self._tell(generation)
        if self._generation:
            # Envoy has had time to take the routes of this release.
            self._sweep_old_layout()
        self._written, self._generation = wanted, generation
        self._sweep({f"{generation}{ENDING}", f"{before}{ENDING}"})

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
