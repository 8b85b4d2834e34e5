"""Bursts that replicas bound together, how many requests passed in the window that ends now: an Exchange."""

import ctypes
import mmap
import time
from dataclasses import dataclass
from pathlib import Path

from policies.catalog.spike_control import spikes
from policies.counting.elsewhere import elsewhere
from policies.traits import Storage

REFRESH_SECONDS = 1.0
"""What has not changed is told again so often, before it no longer counts."""
_SLOT = spikes.PAGE * spikes.SLOT_PAGES
_NAME, _HEARD_AT, _OTHERS = (spikes.SHARED_AT + after for after in (8, 16, 24))
_NOBODY = bytes(8)


@dataclass(frozen=True)
class Admitted:
    """Of one binding, by the name that all replicas give it."""

    slot: int
    name: bytes
    count: int


class Spikes:
    """Of one state folder, whose file is made where it is missing."""

    def __init__(self, state: Path) -> None:
        spikes.prepare(state)
        with spikes.path(state).open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), spikes.SIZE)
        # The seed stays with the file: an agent that comes back is the same teller.
        self._teller = self._memory[8:16].hex()
        self._found: list[Admitted] = []
        self._told: dict[int, Admitted] = {}
        self._told_at = 0.0

    def changed(self) -> bool:
        self._found = self._admitted()
        return bool(self._found)

    def tell(self, storage: Storage) -> None:
        here = [(one.name, one.count) for one in self._found]
        told = elsewhere(storage, "spike", "bursts", teller=self._teller, lasts_ms=spikes.HEARD_MS, here=here)
        for one, others in zip(self._found, told, strict=True):
            self._take(one, others)
            self._told.pop(one.slot, None)
            if one.count:
                self._told[one.slot] = one

    def heard(self) -> None:
        """Each says until when it counts."""

    def again(self) -> None:
        self._told_at = 0.0

    def _admitted(self) -> list[Admitted]:
        """Those that the others are to be told of now: what has changed, and from time to time all."""
        now = _now_ms()
        memory = self._memory
        # Twenty times a second, most often of nobody at all.
        found = [self._read(slot, now) for slot, name in enumerate(_NAMES) if memory[name] != _NOBODY]
        # One of which nothing passes is told once, and then forgotten.
        there = [one for one in found if one.count or one.slot in self._told]
        if time.monotonic() - self._told_at < REFRESH_SECONDS:
            return [one for one in there if self._told.get(one.slot) != one]
        self._told_at = time.monotonic()
        return there

    def _name(self, slot: int) -> bytes:
        return self._memory[_NAMES[slot]]

    def _read(self, slot: int, now: float) -> Admitted:
        """Without a lock: one that passes just now may be missed, and is told next time."""
        place = _place(slot)
        period, name, _, _, group, begun, begun_at = spikes.SHARED.unpack_from(
            self._memory, place + spikes.SHARED_AT
        )
        following = ctypes.c_uint32.from_buffer(self._memory, place + spikes.ADMITTED_AT).value
        low, high = 0, spikes.MOST_GROUPS
        while low < high:
            middle = (low + high + 1) // 2
            at = self._time(place, following - middle)
            low, high = (middle, high) if at and now - at < period else (low, middle - 1)
        since = begun if now - begun_at < period else 0
        return Admitted(slot, name, low * max(group, 1) + since)

    def _time(self, place: int, number: int) -> float:
        at = place + spikes.RING + 8 * (number % spikes.MOST_GROUPS)
        return ctypes.c_double.from_buffer(self._memory, at).value

    def _take(self, one: Admitted, others: int) -> None:
        place = _place(one.slot)
        count = ctypes.c_uint32.from_buffer(self._memory, place + _OTHERS)
        count.value = min(others, 2**32 - 1)
        ctypes.c_double.from_buffer(self._memory, place + _HEARD_AT).value = _now_ms()
        if self._name(one.slot) != one.name:
            # Another binding has the slot meanwhile.
            count.value = 0


def _place(slot: int) -> int:
    return spikes.PAGE + slot * _SLOT


_NAMES = [slice(_place(slot) + _NAME, _place(slot) + _NAME + 8) for slot in range(spikes.SLOTS)]


def _now_ms() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC) * 1000
