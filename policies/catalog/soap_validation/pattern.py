"""Regular expressions as XML Schema writes them, as finite automata: they match a text as a whole."""

from functools import cache, lru_cache

from policies.patterns.pattern import Automaton, automaton_of
from policies.patterns.pattern_syntax import (
    MOST_CHARACTERS,
    Alternatives,
    Edge,
    Node,
    PatternReader,
    Ranges,
    Sequence,
    Unfit,
    category,
    merged,
)

BLANKS = merged([(9, 10), (13, 13), (32, 32)])
LINE_ENDS = merged([(10, 10), (13, 13)])
FIRST = merged([
    *((0x3A, 0x3A), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x2FF)),
    *((0x370, 0x37D), (0x37F, 0x1FFF), (0x200C, 0x200D), (0x2070, 0x218F), (0x2C00, 0x2FEF)),
    *((0x3001, 0xD7FF), (0xF900, 0xFDCF), (0xFDF0, 0xFFFD), (0x10000, 0xEFFFF)),
])  # fmt: skip
"""What begins a name of XML."""
NAME = merged([
    *FIRST.ranges, (0x2D, 0x2E), (0x30, 0x39), (0xB7, 0xB7), (0x300, 0x36F), (0x203F, 0x2040),
])  # fmt: skip
ESCAPED = "\\|.-^?*+{}()[]"
CONTROLS = {"n": 10, "r": 13, "t": 9}
BLOCKS = {
    "BasicLatin": (0, 0x7F), "Latin-1Supplement": (0x80, 0xFF), "LatinExtended-A": (0x100, 0x17F),
    "LatinExtended-B": (0x180, 0x24F), "Greek": (0x370, 0x3FF), "Cyrillic": (0x400, 0x4FF),
    "Hebrew": (0x590, 0x5FF), "Arabic": (0x600, 0x6FF), "GeneralPunctuation": (0x2000, 0x206F),
    "CurrencySymbols": (0x20A0, 0x20CF),
}  # fmt: skip


@cache
def _classes() -> dict[str, Ranges]:
    others = merged([*category("P").ranges, *category("Z").ranges, *category("C").ranges])
    found = {"d": category("Nd"), "s": BLANKS, "w": others.others, "i": FIRST, "c": NAME}
    return found | {name.upper(): one.others for name, one in found.items()}


@lru_cache(512)
def automaton(patterns: tuple[str, ...]) -> Automaton:
    """Of a text that matches one of these. Raises Unfit."""
    choices = tuple(_parsed(one) for one in patterns)
    return automaton_of(Sequence((Edge(True), Alternatives(choices), Edge(False))))


def _parsed(pattern: str) -> Node:
    if len(pattern) > MOST_CHARACTERS:
        raise Unfit(f"has more than {MOST_CHARACTERS} characters")
    reader = _XsdPatternReader(pattern)
    node = reader.alternatives()
    if reader.rest:
        raise Unfit(f'has a ")" too many at {reader.at + 1}')
    return node


class _XsdPatternReader(PatternReader):
    """`^` and `$` are themselves, nothing looks around, and every repetition takes what it can."""

    def atom(self) -> Node:
        mark = self.one()
        match mark:
            case ".":
                return LINE_ENDS.others
            case "(":
                if self.takes("?"):
                    raise Unfit(f'has a "?" with nothing before it at {self.at}')
                node = self.alternatives()
                if not self.takes(")"):
                    raise Unfit('lacks a ")"')
                return node
            case "[":
                return self.bracket()
            case "\\":
                return self.escape()
            case "*" | "+" | "?" | "{" | "}" | "]":
                raise Unfit(f'has a "{mark}" that belongs to nothing at {self.at}')
        return Ranges(((ord(mark), ord(mark)),))

    def repeated(self, node: Node) -> Node:
        begin = self.at
        made = super().repeated(node)
        taken = self.text[begin : self.at]
        if (len(taken) > 1 and taken[-1] == "?") or self.rest.startswith(("*", "+", "?")):
            raise Unfit(f"repeats a repetition at {self.at}")
        return made

    def bracket(self) -> Ranges:
        is_not = self.takes("^")
        found: list[tuple[int, int]] = []
        without: Ranges | None = None
        while not self.takes("]"):
            if found and self.rest.startswith("-["):
                self.at += 2
                self.depth += 1
                if self.depth > 20:
                    raise Unfit("takes classes from classes too often")
                without = self.bracket()
                if not self.takes("]"):
                    raise Unfit('lacks a "]"')
                break
            found += self._members()
        ranges = merged(found)
        ranges = ranges.others if is_not else ranges
        return _less(ranges, without) if without else ranges

    def _members(self) -> list[tuple[int, int]]:
        low = self.member()
        if isinstance(low, Ranges):
            return list(low.ranges)
        if self.rest[:1] == "-" and self.rest[1:2] not in ("]", "[", ""):
            self.at += 1
            high = self.member()
            if isinstance(high, Ranges) or high < low:
                raise Unfit(f"has a range that is none at {self.at}")
            return [(low, high)]
        return [(low, low)]

    def member(self) -> int | Ranges:
        mark = self.one()
        if mark != "\\":
            if mark == "[":
                raise Unfit(f'has a "[" that belongs to nothing at {self.at}')
            return ord(mark)
        found = self.escape()
        is_one = len(found.ranges) == 1 and found.ranges[0][0] == found.ranges[0][1]
        return found.ranges[0][0] if is_one else found

    def escape(self) -> Ranges:
        mark = self.one()
        if mark in CONTROLS:
            return Ranges(((CONTROLS[mark], CONTROLS[mark]),))
        if mark in ESCAPED:
            return Ranges(((ord(mark), ord(mark)),))
        if mark in "pP" and self.takes("{"):
            name, _, _ = self.rest.partition("}")
            self.at += len(name) + 1
            found = _block(name) if name.startswith("Is") else category(name)
            return found if mark == "p" else found.others
        if mark in _classes():
            return _classes()[mark]
        raise Unfit(f"has \\{mark}, which means nothing")


def _block(name: str) -> Ranges:
    if name[2:] not in BLOCKS:
        raise Unfit(f"asks for \\p{{{name[:40]}}}, a block of Unicode that is not known here")
    return Ranges((BLOCKS[name[2:]],))


def _less(one: Ranges, other: Ranges) -> Ranges:
    """What is in the one and not in the other."""
    return merged([*one.others.ranges, *other.ranges]).others
