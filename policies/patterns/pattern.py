"""Regular expressions of JSON Schema (ECMA 262) as finite automata, which read each character once.

What is not regular (references back, looking around) is refused, and so is what needs too many states. The
automaton finds the expression anywhere in a text, as JSON Schema wants it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from policies.patterns.pattern_syntax import (
    LAST,
    Alternatives,
    Edge,
    Many,
    Node,
    Ranges,
    Sequence,
    Unfit,
    parsed,
)

LUA = Path(__file__).with_name("automaton.lua")
"""A file for scripts: is_found(automaton, text) of `Automaton.table`."""
MOST_POSITIONS, MOST_STATES, MOST_ENTRIES, MOST_STEPS = 6_000, 2_000, 60_000, 1_500_000
TOO_LARGE = "needs too many states; write it shorter, or counts such as {1,100} smaller"


@dataclass(frozen=True)
class Automaton:
    """`bounds` are the code points, from 0, at which another class of characters begins; `kinds` the classes.

    From state `s`, 0 being the first, a character of class `c` leads to `next[s * width + c]`; -1 leads
    nowhere. In a state of `found` the pattern is found, whatever follows; in one of `ends` if nothing does.
    """

    bounds: tuple[int, ...]
    kinds: tuple[int, ...]
    width: int
    next: tuple[int, ...]
    found: tuple[bool, ...]
    ends: tuple[bool, ...]
    steps: int
    """What it took to make it."""

    @property
    def table(self) -> dict[str, Any]:
        """As automaton.lua reads it."""
        return {
            "bounds": self.bounds,
            "kinds": self.kinds,
            "width": self.width,
            "next": self.next,
            "found": self.found,
            "ends": self.ends,
        }

    def finds(self, text: str) -> bool:
        """As automaton.lua does it."""
        state = 0
        for letter in text:
            if self.found[state]:
                return True
            kind = self.kinds[bisect_right(self.bounds, ord(letter)) - 1]
            state = self.next[state * self.width + kind]
            if state < 0:
                return False
        return self.found[state] or self.ends[state]


@lru_cache(512)
def automaton(pattern: str) -> Automaton:
    """Raises Unfit."""
    return automaton_of(parsed(pattern))


def automaton_of(node: Node) -> Automaton:
    """Of an expression in another notation. Raises Unfit."""
    return _Subsets(_Positions().of(node)).automaton()


@dataclass
class _Position:
    """Where one may stand in an expression: `free` are the positions that follow at once."""

    free: list[int] = field(default_factory=list)
    at_start: list[int] = field(default_factory=list)
    at_end: list[int] = field(default_factory=list)
    reads: tuple[Ranges, int] | None = None


class _Positions:
    """Thompson's construction; the first position is 0, the last one `last`."""

    def __init__(self) -> None:
        self.all = [_Position()]
        self.last = 0

    def of(self, node: Node) -> "_Positions":
        self.last = self._add(node, 0)
        return self

    def _new(self) -> int:
        if len(self.all) >= MOST_POSITIONS:
            raise Unfit(TOO_LARGE)
        self.all.append(_Position())
        return len(self.all) - 1

    def _add(self, node: Node, start: int) -> int:
        """Where the node ends that begins at `start`."""
        match node:
            case Edge(is_start):
                end = self._new()
                (self.all[start].at_start if is_start else self.all[start].at_end).append(end)
                return end
            case Sequence(parts):
                for part in parts:
                    start = self._add(part, start)
                return start
            case Alternatives(choices):
                end = self._new()
                for choice in choices:
                    begin = self._new()
                    self.all[start].free.append(begin)
                    self.all[self._add(choice, begin)].free.append(end)
                return end
            case Many(of, least, most):
                return self._repeated(of, least, most, start)
        end = self._new()
        self.all[start].reads = (node, end)
        return end

    def _repeated(self, of: Node, least: int, most: int | None, start: int) -> int:
        for _ in range(least):
            start = self._fresh(self._add(of, self._fresh(start)))
        if most is None:
            loop = self._fresh(start)
            self.all[self._add(of, self._fresh(loop))].free.append(loop)
            return self._fresh(loop)
        end = self._new()
        for _ in range(most - least):
            self.all[start].free.append(end)
            start = self._add(of, self._fresh(start))
        self.all[start].free.append(end)
        return end

    def _fresh(self, after: int) -> int:
        made = self._new()
        self.all[after].free.append(made)
        return made


class _Subsets:
    def __init__(self, positions: _Positions) -> None:
        self.positions, self.last = positions.all, positions.last
        self.steps = 0
        self.read = list(dict.fromkeys(one.reads[0] for one in self.positions if one.reads))
        self.bounds = sorted({0, *self._bounds()})
        alike = [tuple(bound in one for one in self.read) for bound in self.bounds]
        self.classes = list(dict.fromkeys(alike))
        numbers = {one: at for at, one in enumerate(self.classes)}
        self.kinds = tuple(numbers[one] for one in alike)
        self.column = {one: at for at, one in enumerate(self.read)}

    def _bounds(self) -> Iterator[int]:
        for one in self.read:
            for low, high in one.ranges:
                yield low
                if high < LAST:
                    yield high + 1

    def automaton(self) -> Automaton:
        again = self._closed([0])
        first = self._closed([0], at_start=True)
        numbers, states = {first: 0}, [first]
        next_: list[int] = []
        for state in states:
            if self._is_found(state):
                next_ += [numbers[state]] * len(self.classes)
                continue
            for targets in self._moves(state):
                reached = self._closed(targets) | again
                if not reached:
                    next_.append(-1)
                    continue
                if reached not in numbers:
                    numbers[reached] = len(states)
                    states.append(reached)
                next_.append(numbers[reached])
                if len(states) > MOST_STATES or len(next_) > MOST_ENTRIES:
                    raise Unfit(TOO_LARGE)
        found = tuple(self._is_found(one) for one in states)
        ends = tuple(self.last in self._closed(one, at_start=one is first, at_end=True) for one in states)
        return Automaton(
            tuple(self.bounds), self.kinds, len(self.classes), tuple(next_), found, ends, self.steps
        )

    def _is_found(self, state: frozenset[int]) -> bool:
        return self.last in state

    def _moves(self, state: frozenset[int]) -> list[list[int]]:
        """For each class of characters the positions that one leads to."""
        moves: list[list[int]] = [[] for _ in self.classes]
        for position in state:
            reads = self.positions[position].reads
            if reads is None:
                continue
            column = self.column[reads[0]]
            for at, one in enumerate(self.classes):
                self._step()
                if one[column]:
                    moves[at].append(reads[1])
        return moves

    def _closed(
        self, positions: Iterable[int], *, at_start: bool = False, at_end: bool = False
    ) -> frozenset[int]:
        found, waiting = set(positions), list(positions)
        while waiting:
            self._step()
            one = self.positions[waiting.pop()]
            for free in (one.free, one.at_start if at_start else (), one.at_end if at_end else ()):
                new = [it for it in free if it not in found]
                found.update(new)
                waiting += new
        return frozenset(found)

    def _step(self) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Unfit(TOO_LARGE)
