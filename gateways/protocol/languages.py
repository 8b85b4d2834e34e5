"""Whether one expression of a rule matches all that another does, or nothing of it: said only when sure.

An expression becomes an automaton over what a path is made of once it is decoded: ASCII characters, and one
symbol that stands for anything else. What has no such form is not judged: classes with a "%", a "." that is
not repeated (it is one byte of three where the character came percent-encoded), flags, anchors in the middle.
A "/" stands for several that follow each other, as routes take it.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import re2

from gateways.protocol import regex

OTHER = "\x01"
"""What is no ASCII character, came percent-encoded, or is one that no path holds."""
ALPHABET = frozenset([chr(code) for code in range(0x20, 0x7F) if chr(code) != "%"] + [OTHER])
MOST_ATOMS, MOST_CHARACTERS = 200, 300
MOST_EFFORT = 20_000
"""States that are stepped from, one for each symbol: some 30 ms."""
MOST_DEPTH, MOST_STEPS = 20, 2000
_ESCAPES = {r"\d": "[0-9]", r"\w": "[0-9A-Za-z_]"}
_REPEATED = ("*", "+")
_TWICE = f"{OTHER}[0-9A-Fa-f]*"
"""What is percent-encoded more than once, and may be anything to a server that decodes it as often."""
_IGNORED = f"(?:[. ]|{_TWICE})*(?:(?:;|{_TWICE}).*)?"
"""What some servers leave out at a segment's end; encoded slashes are in it."""
_ANY_SLASH = f"{_IGNORED}(?:/|{_TWICE})+"
_PREFIX = re.compile(r"[A-Za-z0-9/_-]*")


class Unsure(Exception):
    """The expression has no form that is known here."""


@dataclass
class _Automaton:
    """Of Glushkov: `atoms` are sets of symbols, `after` tells which may follow each."""

    atoms: list[frozenset[str]] = field(default_factory=list)
    after: list[set[int]] = field(default_factory=list)
    first: set[int] = field(default_factory=set)
    last: set[int] = field(default_factory=set)
    takes_nothing: bool = False

    def ends(self, states: frozenset[int]) -> bool:
        """-1 stands for the beginning."""
        return any(one in self.last if one >= 0 else self.takes_nothing for one in states)

    def step(self, states: frozenset[int], symbol: str) -> frozenset[int]:
        following = set[int]().union(*(self.after[one] if one >= 0 else self.first for one in states))
        return frozenset(one for one in following if symbol in self.atoms[one])


@dataclass(frozen=True)
class _Part:
    """Of an automaton that is being made: where a part of the expression begins and ends."""

    first: frozenset[int] = frozenset()
    last: frozenset[int] = frozenset()
    takes_nothing: bool = True


@dataclass
class Effort:
    """What may be spent on many comparisons together, in the units of MOST_EFFORT; then nothing is sure."""

    left: int = 20 * MOST_EFFORT


def contains(outer: str, inner: str, *, ignores_case: bool = False, effort: Effort | None = None) -> bool:
    """Whether the outer one surely matches, in full, whatever the inner one does."""
    if outer == inner:
        return True
    if not ignores_case and _begin_differently(outer, inner):
        return False
    return _spent(effort, lambda: _contains(outer, inner, ignores_case))


def are_disjoint(
    one: str,
    other: str,
    *,
    ignores_case: bool = False,
    as_condition: bool = False,
    effort: Effort | None = None,
) -> bool:
    """Whether there is surely nothing that both match.

    `as_condition`: the other is a policy's, which holds for what any server could read as a path that it
    names, so for more than it says.
    """
    return _spent(effort, lambda: _are_disjoint(one, other, ignores_case, as_condition))


def _spent(effort: Effort | None, compare: Callable[[], tuple[bool, int]]) -> bool:
    if effort is not None and effort.left <= 0:
        return False
    is_sure, spent = compare()
    if effort is not None:
        effort.left -= spent
    return is_sure


@lru_cache(maxsize=16_384)
def _contains(outer: str, inner: str, ignores_case: bool) -> tuple[bool, int]:
    """With what it took, which is the same each time."""
    try:
        one, other = _automaton(inner, ignores_case), _automaton(outer, ignores_case)
    except Unsure:
        return False, 1
    return _never(one, other, lambda mine, theirs: one.ends(mine) and not other.ends(theirs))


@lru_cache(maxsize=16_384)
def _are_disjoint(one: str, other: str, ignores_case: bool, as_condition: bool) -> tuple[bool, int]:
    try:
        if as_condition:
            _check(other)
        mine = _automaton(one, ignores_case)
        theirs = _automaton(_widened(other) if as_condition else other, ignores_case, is_widened=as_condition)
    except Unsure:
        return False, 1
    return _never(mine, theirs, lambda a, b: mine.ends(a) and theirs.ends(b), both=True)


def _begin_differently(one: str, other: str) -> bool:
    """Whether they surely do, at a glance: most routes do."""
    if "|" in one or "|" in other:
        return False
    # What follows may say that the last character need not be there.
    mine, theirs = (_PREFIX.match(text)[0][:-1] for text in (one, other))  # type: ignore[index]
    least = min(len(mine), len(theirs))
    return mine[:least] != theirs[:least]


def _widened(expression: str) -> str:
    """What a condition may hold for, and more."""
    return f"(?:{''.join(map(_as_encoded, _pieces(expression)))}){_IGNORED}"


def _as_encoded(piece: str) -> str:
    """As bytes: what is not "/" may be one that came percent-encoded."""
    if piece == "[^/]":
        return f"(?:[^/]|/|{_TWICE})"
    if piece in regex.SLASHES:
        return f"(?:{_ANY_SLASH})"
    if piece.startswith("[") and "/" in piece:
        return f"(?:{piece}|{_ANY_SLASH})"
    is_syntax = piece in ("|", ")", "*", "+", "?", ".") or piece.startswith(("(", "{"))
    return piece if is_syntax or re.fullmatch(r"[A-Za-z0-9_~-]", piece) else f"(?:{piece}|{_TWICE})"


def _check(expression: str) -> None:
    """Raises Unsure."""
    if len(expression) > MOST_CHARACTERS or not (expression.isascii() and expression.isprintable()):
        raise Unsure


def _never(
    one: _Automaton,
    other: _Automaton,
    is_so: Callable[[frozenset[int], frozenset[int]], bool],
    *,
    both: bool = False,
) -> tuple[bool, int]:
    """Whether it is surely so behind no text that the first may begin with, and the other too if `both`; and
    what that took.
    """
    begin = frozenset([-1])
    symbols = _distinct([*one.atoms, *other.atoms])
    seen = {(begin, begin)}
    waiting = deque(seen)
    spent = len(symbols)
    while waiting:
        pair = waiting.popleft()
        if is_so(*pair) or spent > MOST_EFFORT:
            return False, spent
        spent += len(symbols) * (1 + len(pair[0]) + len(pair[1]))
        for symbol in symbols:
            mine, theirs = one.step(pair[0], symbol), other.step(pair[1], symbol)
            if mine and (theirs or not both) and (mine, theirs) not in seen:
                seen.add((mine, theirs))
                waiting.append((mine, theirs))
    return True, spent


def _distinct(atoms: list[frozenset[str]]) -> list[str]:
    """One symbol of each kind that the atoms tell apart."""
    different = list(dict.fromkeys(atoms))
    kinds: dict[tuple[bool, ...], str] = {}
    for symbol in sorted(ALPHABET):
        kinds.setdefault(tuple(symbol in one for one in different), symbol)
    return list(kinds.values())


@lru_cache(maxsize=4096)
def _automaton(expression: str, ignores_case: bool, is_widened: bool = False) -> _Automaton:
    """Raises Unsure."""
    if not is_widened:
        _check(expression)
    reader = _ExpressionReader(list(_pieces(expression)), ignores_case)
    whole = reader.alternatives()
    if reader.is_there():
        raise Unsure
    made = reader.made
    made.first, made.last, made.takes_nothing = set(whole.first), set(whole.last), whole.takes_nothing
    return made


class _ExpressionReader:
    """Reads the pieces of an expression once, from left to right."""

    def __init__(self, pieces: list[str], ignores_case: bool) -> None:
        self._pieces, self._at, self._ignores_case = pieces, 0, ignores_case
        self._depth = self._steps = 0
        self.made = _Automaton()

    def is_there(self) -> bool:
        return self._at < len(self._pieces)

    def alternatives(self) -> _Part:
        found = self._sequence()
        while self._next() == "|":
            self._at += 1
            other = self._sequence()
            found = _Part(
                found.first | other.first, found.last | other.last, found.takes_nothing or other.takes_nothing
            )
        return found

    def _next(self) -> str:
        return self._pieces[self._at] if self.is_there() else ""

    def _sequence(self) -> _Part:
        found = _Part()
        while self.is_there() and self._next() not in ("|", ")"):
            found = self._joined(found, self._repeated())
        return found

    def _joined(self, one: _Part, other: _Part) -> _Part:
        for at in one.last:
            self.made.after[at] |= other.first
        return _Part(
            one.first | other.first if one.takes_nothing else one.first,
            one.last | other.last if other.takes_nothing else other.last,
            one.takes_nothing and other.takes_nothing,
        )

    def _repeated(self) -> _Part:
        begin = self._at
        found = self._single()
        end, times = self._at, self._next()
        if times in _REPEATED:
            for at in found.last:
                self.made.after[at] |= found.first
        if times.startswith("{") and len(times) > 1:
            found = self._counted(found, begin, end, times)
        elif times and times in "*?":
            found = _Part(found.first, found.last, True)
        elif times != "+":
            return found
        self._at = end + 1
        if self._next() == "?":
            self._at += 1
        return found

    def _counted(self, found: _Part, begin: int, end: int, times: str) -> _Part:
        least, comma, most = times[1:-1].partition(",")
        if comma and not most:
            raise Unsure
        low, high = int(least), int(most or least)
        if high < max(low, 1) or high > MOST_ATOMS:
            raise Unsure
        optional = [found if low else _Part(found.first, found.last, True)]
        for number in range(1, high):
            self._at = begin
            one = self._single()
            optional.append(one if number < low else _Part(one.first, one.last, True))
        whole = _Part()
        for one in optional:
            whole = self._joined(whole, one)
        self._at = end
        return whole

    def _single(self) -> _Part:
        piece = self._next()
        self._at += 1
        self._steps += 1
        if self._steps > MOST_STEPS or self._depth > MOST_DEPTH:
            raise Unsure
        if piece in ("(", "(?:") or regex.is_capturing(piece):
            self._depth += 1
            found = self.alternatives()
            self._depth -= 1
            if self._next() != ")":
                raise Unsure
            self._at += 1
            return found
        if piece == "." and self._next() not in _REPEATED:
            raise Unsure
        found = self._atom(_symbols(piece, self._ignores_case))
        if piece in regex.SLASHES:
            for at in found.first:
                self.made.after[at] |= found.first
        return found

    def _atom(self, symbols: frozenset[str]) -> _Part:
        at = len(self.made.atoms)
        if at == MOST_ATOMS:
            raise Unsure
        self.made.atoms.append(symbols)
        self.made.after.append(set())
        only = frozenset([at])
        return _Part(only, only, False)


def _pieces(expression: str) -> Iterator[str]:
    """A class is one piece. Raises Unsure."""
    opened = ""
    for _, piece, in_class in regex.tokens(expression):
        if not in_class:
            yield piece
            continue
        opened += piece
        if piece == "]" and opened != piece:
            yield opened
            opened = ""
    if opened:
        raise Unsure


@lru_cache(maxsize=4096)
def _symbols(piece: str, ignores_case: bool) -> frozenset[str]:
    """What one character's piece matches. Raises Unsure."""
    if piece == ".":
        return ALPHABET
    if piece == OTHER:
        return frozenset([OTHER])
    if piece == "[^/]":
        return ALPHABET - {"/"}
    piece = _ESCAPES.get(piece, piece)
    if piece.startswith("["):
        if piece.startswith("[^") or "%" in piece or re2.search(r"\\[^dw\W]|\[:", piece):
            raise Unsure
    elif not re2.fullmatch(r"\\[^\w%]|[^\^$*+?%){]", piece):
        raise Unsure
    try:
        compiled = re2.compile(f"(?i){piece}" if ignores_case else piece, regex.OPTIONS)
    except re2.error:
        raise Unsure from None
    return frozenset(one for one in ALPHABET if one != OTHER and compiled.fullmatch(one))
