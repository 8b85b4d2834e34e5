"""Regular expressions of rules: what RE2 makes of them, and how they are put together."""

import re
from collections.abc import Iterator
from functools import lru_cache

import re2

MOST_GROUPS = 9
MOST_INSTRUCTIONS = 5000
"""Of what RE2 makes of an expression: the time a match takes grows with them."""
MOST_CHARACTERS = 16_384
ENVOYS_MOST_INSTRUCTIONS = 10 * MOST_INSTRUCTIONS
"""An expression becomes a part of longer ones. By itself Envoy refuses more than 100: two UUIDs in a path."""
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_NEGATED = {r"\S": r"[^?\s]", r"\W": r"[^?\w]", r"\D": r"[^?\d]"}
_ANCHORS = ("^", "$", r"\A", r"\z")
_PARAMETERS = "(?:;[^/?]*)?"
_CAPTURING = re.compile(r"\((?!\?)|\(\?P?<\w+>")
_ESCAPE = r"\\Q.*?(?:\\E|$)|\\[pP]\{[^}]*\}|\\."
_OUTSIDE = re.compile(_ESCAPE + r"|\[\^?\]?|.", re.DOTALL)
_IN_CLASS = re.compile(r"\[:\^?\w+:\]|" + _ESCAPE + r"|.", re.DOTALL)


_TEMPLATE = re.compile(r"\{[A-Za-z_][\w.-]*\}")
SEGMENT = "[^/]+"


class BadRegex(ValueError):
    """The text names the expression and what RE2 says about it."""


@lru_cache(maxsize=4096)
def check(expression: str) -> None:
    """Raises BadRegex where Envoy's engine would refuse the expression."""
    shown = expression if len(expression) <= 200 else f"{expression[:199]}…"
    if len(expression) > MOST_CHARACTERS:
        raise BadRegex(f'"{shown}" is longer than {MOST_CHARACTERS} characters; split it into several rules')
    try:
        compiled = re2.compile(expression, _OPTIONS)
    except re2.error as error:
        detail = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise BadRegex(
            f'"{shown}" is not an RE2 regular expression: {detail[:200]}'
            " (look-around and back-references do not exist there)"
        ) from None
    if compiled.programsize > MOST_INSTRUCTIONS:
        raise BadRegex(f'"{shown}" becomes too large; repeat less in it, or split it into several rules')


def groups(expression: str) -> int:
    return int(re2.compile(expression, _OPTIONS).groups)


def captures(expression: str, text: str) -> tuple[str, ...] | None:
    """What the groups hold when the whole text matches, None when it does not."""
    match = re2.compile(expression, _OPTIONS).fullmatch(text)
    return None if match is None else tuple(group or "" for group in match.groups())


def escape(text: str) -> str:
    return re.escape(text)


def around_first_group(expression: str) -> tuple[str, str, str, str]:
    """(before, opening, inside, after) of the first capturing group of a checked expression.

    Opening is "(" or "(?P<name>"; the closing parenthesis stands between inside and after.
    """
    start, opening, depth = -1, "", 0
    for position, piece, in_class in _tokens(expression):
        if in_class or piece not in ("(", ")"):
            continue
        if start < 0:
            if piece == "(" and (opens := _CAPTURING.match(expression, position)):
                start, opening, depth = position, opens[0], 1
            continue
        depth += 1 if piece == "(" else -1
        if depth == 0:
            inside = expression[start + len(opening) : position]
            return expression[:start], opening, inside, expression[position + 1 :]
    raise ValueError(f'"{expression}" has no capturing group')


def unanchored(expression: str) -> str:
    """The same without "^" and "$", which say nothing where all of a text must match.

    Left in, they would keep the expression from matching as a part of a longer one.
    """
    return "".join(piece for _, piece, in_class in _tokens(expression) if in_class or piece not in _ANCHORS)


def templated(expression: str) -> str:
    """With one segment for each {name}, as URI templates have it: as a regular expression it would stand
    for its own braces, which no path holds.
    """
    found: list[str] = []
    end = 0
    for position, piece, in_class in _tokens(expression):
        if position < end:
            continue
        template = _TEMPLATE.match(expression, position) if piece == "{" and not in_class else None
        found.append(SEGMENT if template else piece)
        end = template.end() if template else end
    return "".join(found)


def over_targets(expression: str) -> str:
    """An expression over paths as one over request targets, for conditions that must not be avoided.

    It cannot match past the "?": a path holds none, so no meaning is lost, and `/a/.*/b` does not take
    `/a/x?q=/b`. Parameters of segments are passed over: to many upstreams `/a;v=1/b` is `/a/b`.
    """
    path = "".join(_over_targets(piece, in_class) for _, piece, in_class in _tokens(expression))
    return rf"(?:{path}){_PARAMETERS}(?:\?.*)?"


def _over_targets(piece: str, in_class: bool) -> str:
    if in_class:
        return f"{piece}?" if piece.startswith("[^") and not piece.endswith(":]") else piece
    if piece == ".":
        return r"[^?\n]"
    if piece in _NEGATED:
        return _NEGATED[piece]
    if piece in ("/", r"\/"):
        return _PARAMETERS + "/"
    return piece


def _tokens(expression: str) -> Iterator[tuple[int, str, bool]]:
    """(position, piece, whether in a character class); escapes and class openings are one piece."""
    position, in_class = 0, False
    while found := (_IN_CLASS if in_class else _OUTSIDE).match(expression, position):
        piece = found[0]
        opens = not in_class and piece.startswith("[")
        yield position, piece, in_class or opens
        in_class = opens or (in_class and piece != "]")
        position = found.end()
