"""Content models of XML Schema as automata without a choice: the next element alone decides what may follow.

A single element, or wildcard, that may come often is counted; what else repeats is written out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.catalog.soap_validation.document import Wrong, short

MOST_POSITIONS, MOST_STATES, MOST_ENTRIES, MOST_STEPS = 200_000, 50_000, 500_000, 3_000_000
MOST_WRITTEN_OUT = 8
"""Times that an element may come before it is counted."""
TOO_LARGE = "the types together need too many states; make maxOccurs of groups smaller, or unbounded"


@dataclass(frozen=True)
class Leaf:
    """One of these elements: numbers of declarations by key. Or `wild`, a wildcard's, from 1."""

    elements: Mapping[str, int] = field(default_factory=dict)
    wild: int = 0


@dataclass(frozen=True)
class Sequence:
    parts: tuple["Particle", ...]


@dataclass(frozen=True)
class Choice:
    parts: tuple["Particle", ...]


@dataclass(frozen=True)
class Many:
    """`most` is None where there is no limit."""

    of: "Particle"
    least: int
    most: int | None


@dataclass(frozen=True)
class All:
    """Each element at most once, in any order: declaration and whether it is needed, by key."""

    elements: Mapping[str, tuple[int, bool]]
    is_needed: bool = True


Particle = Leaf | Sequence | Choice | Many | All


@dataclass
class _Position:
    """`counts` are least and most, -1 for no limit, of a leaf that leads here, and here again."""

    free: list[int] = field(default_factory=list)
    reads: tuple[Leaf, int] | None = None
    counts: tuple[int, int] | None = None


@dataclass
class Effort:
    """What the models of a document took together."""

    positions: int = 0
    states: int = 0
    entries: int = 0
    steps: int = 0

    def check(self) -> None:
        if (
            self.positions > MOST_POSITIONS
            or self.states > MOST_STATES
            or self.entries > MOST_ENTRIES
            or self.steps > MOST_STEPS
        ):
            raise Wrong(TOO_LARGE)


def model(particle: Particle, wilds: list[Any], effort: Effort) -> dict[str, Any]:
    """As validate.lua reads it; it lists the fields. Raises Wrong."""
    if isinstance(particle, All):
        effort.entries += len(particle.elements)
        effort.check()
        found = {name: [at + 1, number] for at, (name, (number, _)) in enumerate(particle.elements.items())}
        needed = [is_needed for _, is_needed in particle.elements.values()]
        return {"all": found, "needed": needed, "may_be_empty": not particle.is_needed}
    positions = _Positions(effort)
    end = positions.add(particle, 0)
    return _Subsets(positions.all, end, wilds, effort).model()


class _Positions:
    """Thompson's construction; the first position is 0."""

    def __init__(self, effort: Effort) -> None:
        self.effort = effort
        self.all = [_Position()]

    def _new(self) -> int:
        self.effort.positions += 1
        self.effort.check()
        self.all.append(_Position())
        return len(self.all) - 1

    def _after(self, before: int) -> int:
        made = self._new()
        self.all[before].free.append(made)
        return made

    def add(self, particle: Particle, start: int) -> int:
        """Where the particle ends that begins at `start`."""
        match particle:
            case Sequence(parts):
                for part in parts:
                    start = self.add(part, start)
                return start
            case Choice(parts):
                end = self._new()
                for part in parts:
                    self.all[self.add(part, self._after(start))].free.append(end)
                return end
            case Many(of, least, most):
                return self._repeated(of, least, most, start)
            case Leaf():
                end = self._new()
                begin = self._after(start)
                self.all[begin].reads = (particle, end)
                return end
        raise Wrong("xs:all stands within another group, which is not understood")

    def _repeated(self, of: Particle, least: int, most: int | None, start: int) -> int:
        if isinstance(of, Leaf) and max(least, most or 0) > MOST_WRITTEN_OUT:
            end = self.add(of, self._after(start))
            self.all[end].counts = (least, -1 if most is None else most)
            again = self._new()
            self.all[again].reads = (of, end)
            self.all[end].free.append(again)
            out = self._after(end)
            if least == 0:
                self.all[start].free.append(out)
            return out
        for _ in range(least):
            start = self.add(of, self._after(start))
        if most is None:
            loop = self._after(start)
            self.all[self.add(of, self._after(loop))].free.append(loop)
            return self._after(loop)
        end = self._new()
        for _ in range(most - least):
            self.all[start].free.append(end)
            start = self.add(of, self._after(start))
        self.all[start].free.append(end)
        return end


class _Subsets:
    def __init__(self, positions: list[_Position], end: int, wilds: list[Any], effort: Effort) -> None:
        self.positions, self.end, self.wilds, self.effort = positions, end, wilds, effort
        self.names: dict[str, tuple[int, int]] = {}
        self.closed: dict[frozenset[int], frozenset[int]] = {}

    def model(self) -> dict[str, Any]:
        first = self._closed(frozenset((0,)))
        numbers, states, rows = {first: 1}, [first], []
        for state in states:
            row: dict[str, Any] = {}
            if self.end in state:
                row["end"] = True
            counts = [it for one in state if (it := self.positions[one].counts)]
            if counts:
                row["least"], row["most"] = counts[0]
            steps, wild = self._moves(state)
            row["next"] = [it for key, targets in steps.items() for it in (self.names[key][0], targets)]
            row["wild"] = [it for key, targets in wild.items() for it in (key, targets)]
            for part in ("next", "wild"):
                for at in range(1, len(row[part]), 2):
                    reached = self._reached(row[part][at])
                    if reached not in numbers:
                        states.append(reached)
                        numbers[reached] = len(states)
                        self.effort.states += 1
                    row[part][at] = numbers[reached]
                self.effort.entries += len(row[part]) // 2
                if not row[part]:
                    del row[part]
            self.effort.check()
            rows.append(row)
        return {"names": {key: list(one) for key, one in self.names.items()}, "states": rows}

    def _moves(self, state: frozenset[int]) -> tuple[dict[str, list[int]], dict[int, list[int]]]:
        """The positions that each name leads to, and each wildcard. A name goes before a wildcard."""
        steps: dict[str, list[int]] = {}
        wild: dict[int, list[int]] = {}
        for one in sorted(state):
            if (reads := self.positions[one].reads) is None:
                continue
            leaf, target = reads
            if leaf.wild:
                wild.setdefault(leaf.wild, []).append(target)
            for key, number in leaf.elements.items():
                self.effort.steps += 1
                _, known = self.names.setdefault(key, (len(self.names) + 1, number))
                if known != number:
                    raise Wrong(f'"{short(key)}" is declared twice in one type, with different types')
                steps.setdefault(key, []).append(target)
        if len(wild) > 1 and not _are_apart([self.wilds[one - 1] for one in wild]):
            raise Wrong("two different xs:any may stand at one place, so that it is ambiguous which is meant")
        return steps, wild

    def _reached(self, targets: list[int]) -> frozenset[int]:
        alone = set(targets)
        if len(targets) > 1 and any(self.positions[one].counts for one in alone):
            raise Wrong(
                "the content is ambiguous (unique particle attribution): after an element it is not clear"
                " which of two declarations the next one is for"
            )
        return self._closed(frozenset(alone))

    def _closed(self, positions: frozenset[int]) -> frozenset[int]:
        """These positions, and what follows them without an element."""
        if positions in self.closed:
            return self.closed[positions]
        found = set(positions)
        waiting = list(found)
        while waiting:
            new = [it for it in self.positions[waiting.pop()].free if it not in found]
            self.effort.steps += 1 + len(new)
            found.update(new)
            waiting += new
        self.effort.check()
        self.closed[positions] = frozenset(found)
        return self.closed[positions]


def _are_apart(wilds: list[Any]) -> bool:
    """Whether no namespace is in two of these wildcards."""
    listed = [set(one["in"]) for one in wilds if "in" in one]
    if len(listed) == len(wilds):
        return sum(map(len, listed)) == len(set().union(*listed))
    return (
        len(wilds) == 2
        and len(listed) == 1
        and any("no" in one and listed[0] <= set(one["no"]) for one in wilds)
    )
