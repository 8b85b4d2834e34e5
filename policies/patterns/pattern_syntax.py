"""Reads regular expressions as ECMA 262 writes them with its flag u, as far as they are regular."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

LAST = 0x10FFFF
MOST_CHARACTERS, MOST_COUNT, DEEPEST = 1_000, 1_000, 50


class Unfit(ValueError):
    """The text begins behind "the pattern …"."""


@dataclass(frozen=True)
class Ranges:
    """One character of these code points, in order and apart from each other."""

    ranges: tuple[tuple[int, int], ...]

    @cached_property
    def _lows(self) -> list[int]:
        return [low for low, _ in self.ranges]

    def __contains__(self, code: int) -> bool:
        at = bisect_right(self._lows, code) - 1
        return at >= 0 and code <= self.ranges[at][1]

    @property
    def others(self) -> "Ranges":
        found, begin = [], 0
        for low, high in self.ranges:
            if low > begin:
                found.append((begin, low - 1))
            begin = high + 1
        return Ranges((*found, (begin, LAST)) if begin <= LAST else tuple(found))


@dataclass(frozen=True)
class Sequence:
    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Alternatives:
    choices: tuple["Node", ...]


@dataclass(frozen=True)
class Many:
    """`most` is None where there is no limit."""

    of: "Node"
    least: int
    most: int | None


@dataclass(frozen=True)
class Edge:
    """The beginning of the text, or its end."""

    is_start: bool


Node = Ranges | Sequence | Alternatives | Many | Edge


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return Ranges(tuple(found))


DIGITS = merged([(0x30, 0x39)])
WORD = merged([(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)])
BLANKS = merged(
    (low, high or low)
    for low, high in (
        *((9, 13), (32, 0), (160, 0), (0x1680, 0), (0x2000, 0x200A), (0x2028, 0x2029)),
        *((0x202F, 0), (0x205F, 0), (0x3000, 0), (0xFEFF, 0)),
    )
)
LINE_ENDS = merged([(10, 10), (13, 13), (0x2028, 0x2029)])
CLASSES = {"d": DIGITS, "w": WORD, "s": BLANKS, "D": DIGITS.others, "W": WORD.others, "S": BLANKS.others}
CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}
CATEGORIES = {
    "Letter": "L", "Lowercase_Letter": "Ll", "Uppercase_Letter": "Lu", "Number": "N", "Decimal_Number": "Nd",
    "Punctuation": "P", "Symbol": "S", "Separator": "Z", "Mark": "M", "Other": "C", "Alphabetic": "L",
}  # fmt: skip


@cache
def _categories() -> dict[str, list[tuple[int, int]]]:
    """The characters of each of Unicode's 30 categories: read once, which takes a third of a second."""
    found: dict[str, list[tuple[int, int]]] = {}
    for code in range(LAST + 1):
        ranges = found.setdefault(unicodedata.category(chr(code)), [])
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return found


@lru_cache(64)
def category(name: str) -> Ranges:
    """The characters of a general category of Unicode, such as L or Lu. Raises Unfit."""
    short = CATEGORIES.get(name.rpartition("=")[2], name.rpartition("=")[2])
    found = [
        one for key, ranges in _categories().items() if short and key.startswith(short) for one in ranges
    ]
    if not found:
        raise Unfit(
            f"asks for \\p{{{name[:40]}}}; of Unicode, general categories are known, such as \\p{{L}}"
        )
    return merged(found)


def parsed(pattern: str) -> Node:
    """Raises Unfit."""
    if len(pattern) > MOST_CHARACTERS:
        raise Unfit(f"has more than {MOST_CHARACTERS} characters")
    reader = PatternReader(pattern)
    node = reader.alternatives()
    if reader.rest:
        raise Unfit(f'has a ")" too many at {reader.at + 1}')
    return node


class PatternReader:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0

    @property
    def rest(self) -> str:
        return self.text[self.at :]

    def takes(self, text: str) -> bool:
        if not self.text.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def one(self) -> str:
        if self.at >= len(self.text):
            raise Unfit("ends too early")
        self.at += 1
        return self.text[self.at - 1]

    def alternatives(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unfit(f"has more than {DEEPEST} groups in each other")
        choices = [self.sequence()]
        while self.takes("|"):
            choices.append(self.sequence())
        self.depth -= 1
        return choices[0] if len(choices) == 1 else Alternatives(tuple(choices))

    def sequence(self) -> Node:
        parts = []
        while self.rest and self.rest[0] not in "|)":
            parts.append(self.repeated(self.atom()))
        return Sequence(tuple(parts))

    def atom(self) -> Node:
        mark = self.one()
        match mark:
            case "^" | "$":
                return Edge(mark == "^")
            case ".":
                return LINE_ENDS.others
            case "(":
                return self.group()
            case "[":
                return self.bracket()
            case "\\":
                return self.escape()
            case "*" | "+" | "?":
                raise Unfit(f'has a "{mark}" with nothing before it at {self.at}')
        return Ranges(((ord(mark), ord(mark)),))

    def group(self) -> Node:
        if self.takes("?"):
            if self.takes("<") and self.rest[:1] not in ("=", "!"):
                while self.one() != ">":
                    pass
            elif not self.takes(":"):
                raise Unfit(f"looks around, or sets a flag, at {self.at}, which is not supported")
        node = self.alternatives()
        if not self.takes(")"):
            raise Unfit('lacks a ")"')
        return node

    def repeated(self, node: Node) -> Node:
        if self.takes("*"):
            least, most = 0, None
        elif self.takes("+"):
            least, most = 1, None
        elif self.takes("?"):
            least, most = 0, 1
        elif (counts := self.counts()) is not None:
            least, most = counts
        else:
            return node
        if isinstance(node, Edge):
            raise Unfit(f"repeats an end of the text at {self.at}")
        self.takes("?")
        return Many(node, least, most)

    def counts(self) -> tuple[int, int | None] | None:
        """Of {2}, {2,} or {2,5}; a brace that is none of these is itself."""
        end = self.text.find("}", self.at)
        if self.rest[:1] != "{" or end < 0:
            return None
        least, comma, most = self.text[self.at + 1 : end].partition(",")
        if not least.isascii() or not least.isdigit() or (most and not (most.isascii() and most.isdigit())):
            return None
        self.at = end + 1
        if max(int(least), int(most or 0)) > MOST_COUNT:
            raise Unfit(f"counts to more than {MOST_COUNT}")
        if not comma:
            return int(least), int(least)
        if most and int(most) < int(least):
            raise Unfit(f"counts from {least} to {most}")
        return int(least), int(most) if most else None

    def bracket(self) -> Ranges:
        is_not = self.takes("^")
        found: list[tuple[int, int]] = []
        while not self.takes("]"):
            low = self.member()
            if self.rest[:1] == "-" and self.rest[1:2] not in ("]", ""):
                self.at += 1
                high = self.member()
                if isinstance(low, Ranges) or isinstance(high, Ranges):
                    raise Unfit(f"has a range of classes at {self.at}")
                if high < low:
                    raise Unfit(f"has a range that runs backwards at {self.at}")
                found.append((low, high))
            else:
                found += low.ranges if isinstance(low, Ranges) else [(low, low)]
        ranges = merged(found)
        return ranges.others if is_not else ranges

    def member(self) -> int | Ranges:
        mark = self.one()
        if mark != "\\":
            return ord(mark)
        if self.takes("b"):
            return 8
        if self.takes("-"):
            return ord("-")
        found = self.escape()
        if len(found.ranges) == 1 and found.ranges[0][0] == found.ranges[0][1]:
            return found.ranges[0][0]
        return found

    def escape(self) -> Ranges:
        mark = self.one()
        if mark in CLASSES:
            return CLASSES[mark]
        if mark in "pP" and self.takes("{"):
            name, _, _ = self.rest.partition("}")
            self.at += len(name) + 1
            return category(name) if mark == "p" else category(name).others
        code = self.code(mark)
        return Ranges(((code, code),))

    def code(self, mark: str) -> int:
        if mark in CONTROLS:
            return CONTROLS[mark]
        if mark == "x":
            return self.hexadecimal(2)
        if mark == "u":
            if self.takes("{"):
                digits, _, _ = self.rest.partition("}")
                code = self.hexadecimal(len(digits))
                self.takes("}")
                return code
            return self.hexadecimal(4)
        if mark == "c":
            return ord(self.one()) % 32
        if mark in "bB":
            raise Unfit("asks for the edge of a word (\\b), which is not supported")
        if mark.isdigit() or mark == "k":
            raise Unfit("refers back to a group, which is not regular")
        if mark.isalpha() and mark.isascii():
            raise Unfit(f"has \\{mark}, which means nothing")
        return ord(mark)

    def hexadecimal(self, count: int) -> int:
        digits = self.text[self.at : self.at + count]
        try:
            code = int(digits, 16)
        except ValueError:
            raise Unfit(f'has "{digits[:8]}" where a code in hexadecimal digits is wanted') from None
        if len(digits) != count or code > LAST:
            raise Unfit("has a code that is no character's")
        self.at += count
        return code
