"""Regular expressions of rules: what RE2 makes of them, and how they are put together."""

import re
from collections.abc import Iterator
from functools import lru_cache

import re2

MOST_GROUPS = 9
MOST_INSTRUCTIONS = 5000
"""The most instructions of RE2's program for an expression: a match takes longer with each."""
MOST_CHARACTERS = 16_384
MOST_EFFORT = 4 * MOST_INSTRUCTIONS
"""The largest `effort` that RE2 is asked for: the worst found took 13 ms of processor. Asked for more, it
took 20 s and held all threads for a hundred times `x{0,1000}`, in 1,000 characters.
"""
ENVOYS_MOST_INSTRUCTIONS = 10 * MOST_INSTRUCTIONS
"""An expression becomes a part of longer ones. By itself Envoy refuses more than 100: two UUIDs in a path."""
OPTIONS = re2.Options()
OPTIONS.log_errors = False
_MOST_REPEATS = 1000
"""RE2 refuses more."""
_OPTIONAL = 6
"""Each part that may be missing leads to all behind it."""
_MANY_BYTES = 16
"""What one character becomes that is not ASCII alone, or has another case that is not."""
_OF_UNICODE = 1500
"""The largest of Unicode's classes, all letters, becomes 1,196 instructions."""
_ANCHORS = ("^", "$", r"\A", r"\z")
_CAPTURING = re.compile(r"\(|\(\?P?<\w+>")
_COUNTED = re.compile(r"\{([0-9]+)(,?)([0-9]*)\}")
_ESCAPE = r"\\Q.*?(?:\\E|$)|\\[pP](?:\{[^}]*\}|\w)|\\x(?:\{[0-9a-fA-F]+\}|[0-9a-fA-F]{2})|\\[0-7]{2,3}|\\."
_SYNTAX = r"\(\?P?<\w+>|\(\?[a-zA-Z-]*[:)]|\{[0-9]+(?:,[0-9]*)?\}|%[0-9a-fA-F]{2}"
_OUTSIDE = re.compile(_ESCAPE + "|" + _SYNTAX + r"|\[\^?\]?|.", re.DOTALL)
_IN_CLASS = re.compile(r"\[:\^?\w+:\]|" + _ESCAPE + r"|.", re.DOTALL)


_TEMPLATE = re.compile(r"\{[A-Za-z_][\w.-]*\}")
SEGMENT = "[^/]+"
SLASHES = ("/", r"\/")


class BadRegex(ValueError):
    """The text names the expression and what RE2 says about it."""


@lru_cache(maxsize=4096)
def check(expression: str) -> None:
    """Raises BadRegex where Envoy's engine would refuse the expression."""
    shown = expression if len(expression) <= 200 else f"{expression[:199]}…"
    if len(expression) > MOST_CHARACTERS:
        raise BadRegex(f'"{shown}" is longer than {MOST_CHARACTERS} characters; split it into several rules')
    too_large = f'"{shown}" becomes too large; repeat less in it, or split it into several rules'
    if effort(expression) > MOST_EFFORT:
        raise BadRegex(too_large)
    try:
        compiled = re2.compile(expression, OPTIONS)
    except re2.error as error:
        detail = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise BadRegex(
            f'"{shown}" is not an RE2 regular expression: {detail[:200]}'
            " (look-around and back-references do not exist there)"
        ) from None
    if compiled.programsize > MOST_INSTRUCTIONS:
        raise BadRegex(too_large)


def effort(expression: str) -> int:
    """More than the instructions that RE2 would make of it: known at a glance, before RE2 has any work."""
    ignores_case = "(?" in expression and "i" in expression
    done, last, in_class = [0], 0, False
    for _, piece, is_class in tokens(expression):
        if is_class and in_class:
            last += _effort_of_one(piece, ignores_case)
        elif opens(piece):
            done[-1] += last
            done.append(2)
            last = 0
        elif piece == ")" and len(done) > 1:
            last += done.pop()
        elif piece in ("*", "+", "?"):
            last += _OPTIONAL
        elif counted := _COUNTED.fullmatch(piece):
            last = _repeated(last, *counted.groups())
        else:
            done[-1] += last
            last = 1 + _effort_of_one(piece, ignores_case)
        in_class = is_class
    return sum(done) + last


def _effort_of_one(piece: str, ignores_case: bool) -> int:
    """Of a character, an escape, a class or the beginning of one."""
    if piece.startswith((r"\p", r"\P")):
        return _OF_UNICODE
    if piece.startswith(r"\Q"):
        return sum(1 + _effort_of_one(one, ignores_case) for one in piece[2:])
    is_wide = piece in (".", r"\D", r"\W", r"\S") or piece.startswith(("[^", "[:", r"\x{"))
    one = _MANY_BYTES if is_wide or not piece.isascii() else 6 if len(piece) > 1 else 1
    return one * (4 if one == 1 else 2) if ignores_case else one


def _repeated(one: int, least: str, comma: str, most: str) -> int:
    sure, top = (min(int(text[:5] or 0), _MOST_REPEATS) for text in (least, most))
    return sure * (one + 1) + (max(top - sure, 1) * (one + _OPTIONAL) if comma else 0) + 1


def groups(expression: str) -> int:
    return int(re2.compile(expression, OPTIONS).groups)


def captures(expression: str, text: str) -> tuple[str, ...] | None:
    """What the groups hold when the whole text matches, None when it does not."""
    match = re2.compile(expression, OPTIONS).fullmatch(text)
    return None if match is None else tuple(group or "" for group in match.groups())


def escape(text: str) -> str:
    return re.escape(text)


def around_first_group(expression: str) -> tuple[str, str, str, str]:
    """(before, opening, inside, after) of the first capturing group of a checked expression.

    Opening is "(" or "(?P<name>"; the closing parenthesis stands between inside and after.
    """
    start, opening, depth = -1, "", 0
    for position, piece, in_class in tokens(expression):
        if in_class or not (piece == ")" or opens(piece)):
            continue
        if start < 0:
            if is_capturing(piece):
                start, opening, depth = position, piece, 1
            continue
        depth += -1 if piece == ")" else 1
        if depth == 0:
            inside = expression[start + len(opening) : position]
            return expression[:start], opening, inside, expression[position + 1 :]
    raise ValueError(f'"{expression}" has no capturing group')


def unanchored(expression: str) -> str:
    """The same without "^" and "$", which say nothing where all of a text must match.

    Left in, they would keep the expression from matching as a part of a longer one.
    """
    return "".join(piece for _, piece, in_class in tokens(expression) if in_class or piece not in _ANCHORS)


def templated(expression: str) -> str:
    """With one segment for each {name}, as URI templates have it: as a regular expression it would stand
    for its own braces, which no path holds.
    """
    found: list[str] = []
    end = 0
    for position, piece, in_class in tokens(expression):
        if position < end:
            continue
        template = _TEMPLATE.match(expression, position) if piece == "{" and not in_class else None
        found.append(SEGMENT if template else piece)
        end = template.end() if template else end
    return "".join(found)


def as_taken(expression: str) -> str:
    """As rules take it: templated, and with one slash for several, since they see one in a path."""
    found: list[str] = []
    given = [(piece, in_class) for _, piece, in_class in tokens(templated(expression))]
    for at, (piece, in_class) in enumerate(given):
        follows = piece in SLASHES and not in_class and found[-1:] and found[-1] in SLASHES
        after = given[at + 1][0] if at + 1 < len(given) else ""
        if not follows or after in ("*", "?") or after[:1] == "{":
            found.append(piece)
    return "".join(found)


def is_capturing(piece: str) -> bool:
    """Whether this piece of an expression opens a group that captures."""
    return _CAPTURING.fullmatch(piece) is not None


def opens(piece: str) -> bool:
    """A group, and not one that holds flags alone, such as (?i)."""
    return piece.startswith("(") and not piece.endswith(")")


def tokens(expression: str) -> Iterator[tuple[int, str, bool]]:
    """(position, piece, whether in a character class) of a checked expression.

    One piece are escapes, the openings of classes and groups, counts such as {2,3}, and encoded bytes: %2F.
    """
    position, in_class = 0, False
    while found := (_IN_CLASS if in_class else _OUTSIDE).match(expression, position):
        piece = found[0]
        opens = not in_class and piece.startswith("[")
        yield position, piece, in_class or opens
        in_class = opens or (in_class and piece != "]")
        position = found.end()
