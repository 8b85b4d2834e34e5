"""Expressions over plain paths as expressions over paths as they are sent.

A rule is written for `/a/b@c`; what is sent may be `/a%2Fb%40c` or `/a//b@c`. A route is taken by what the
path says once decoded (`over_paths`). A condition must not be avoided: it holds for a path that any server
could read as one that the rule names (`over_targets`), so it may hold for more.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import re2

from gateways.protocol.regex import OPTIONS, is_capturing, opens, tokens
from gateways.protocol.spelling import BLANK, DOT, ENCODED_SLASH, SEMICOLON, SLASH

_RESERVED = " !\"#$&'()*+,:;<=>?@[\\]^`{|}"
"""Characters that Envoy leaves percent-encoded where they came so."""
_HEX = "%25FfCc"
"""Of what the encoded slashes are made."""
_LETTERS = "éßЖ中"
"""Stand for all that is written as several bytes."""
_BYTES = "(?:%(?:25)*[89a-fA-F][0-9a-fA-F])+"
_ANY_BYTE = "%(?:25)*[0-9a-fA-F]{2}"
_NO_SLASH = "%(?:[013-46-9a-fA-F][0-9a-fA-F]|2[0-9a-eA-E]|5[0-9abd-fABD-F])"
_IGNORED = f"(?:{DOT}|{BLANK})*(?:{SEMICOLON}[^/?]*)?"
"""What some servers leave out at a segment's end: parameters, and on Windows dots and blanks."""
_ANY_SLASH = f"(?:{_IGNORED}{SLASH}(?:{BLANK})*)+"
"""Others leave out blanks at its beginning, and then a segment of nothing else."""
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
"""All that stands in a request's target: any other is refused."""
_NOTHING = r"[^\x00-\x{10FFFF}]"
_SHORTHAND = {r"\S": r"[^\s]", r"\W": r"[^\w]", r"\D": r"[^\d]", ".": r"[^\n]"}
_ESCAPED = re.compile(r"\\[^A-Za-z0-9]")
_ENCODED = re.compile("%[0-9a-fA-F]{2}")


@dataclass(frozen=True)
class _Atom:
    """What matches one character, or a piece of syntax. `is_repeated`: "*" or "+" follows."""

    text: str
    is_syntax: bool
    is_repeated: bool


def over_targets(expression: str) -> str:
    """For conditions: an expression over request targets, which holds wherever one over paths might.

    It cannot match past the "?": a path holds none, so no meaning is lost, and `/a/.*/b` does not take
    `/a/x?q=/b`.
    """
    path = "".join(_permissive(atom) for atom in _atoms(expression))
    return rf"(?:{path}){_IGNORED}(?:\?.*)?"


def over_paths(expression: str) -> str:
    """For routes: holds where the expression does once the path is decoded and its slashes are merged.

    A slash with which the expression begins is one, as is one behind a base path.
    """
    made, is_in_front = "", True
    for atom in _atoms(expression):
        made += _exact(atom, is_in_front)
        is_in_front = is_in_front and atom.text.startswith("(")
    return made


def over_rewritten(expression: str) -> str:
    """The same, but that slashes with which capturing groups begin are slashes: they are sent on in front."""
    made, is_in_front, open_groups = "", True, list[str]()
    for atom in _atoms(expression):
        made += _exact(atom, is_in_front)
        if opens(atom.text):
            open_groups.append(atom.text)
        elif atom.text == ")":
            open_groups.pop()
        is_first = is_in_front and atom.text.startswith("(")
        is_in_front = is_first or is_capturing(atom.text)
        is_in_front |= atom.text == "|" and bool(open_groups) and is_capturing(open_groups[-1])
    return made


def without_query(expression: str) -> str:
    """The same over paths, where it is to match in front of a query."""
    return "".join(
        atom.text if atom.is_syntax else _without_question_mark(atom.text) for atom in _atoms(expression)
    )


def _permissive(atom: _Atom) -> str:
    if atom.is_syntax:
        return atom.text
    plain = _plain(atom)
    if plain == "/":
        return f"(?:{_ANY_SLASH})"
    if plain is not None:
        as_it_is = _NOTHING if plain == "?" else re.escape(plain)
        return _either(as_it_is, _encoded(plain, "(?:25)*"))
    text = _without_question_mark(atom.text)
    found = _matched(atom.text)
    if found.issuperset(_HEX) and atom.is_repeated:
        return text
    others = [_ANY_SLASH] if "/" in found else []
    others += [_ANY_BYTE] if found.issuperset(_RESERVED) else _bytes(found, "(?:25)*")
    return _either(text, *others)


def _exact(atom: _Atom, is_in_front: bool) -> str:
    if atom.is_syntax:
        return atom.text
    plain = _plain(atom)
    if plain == "/":
        any_slash = f"(?:/|{ENCODED_SLASH})"
        return f"(?:/{any_slash}*)" if is_in_front else f"(?:{any_slash}+)"
    if plain is not None:
        return _either(re.escape(plain), _encoded(plain, ""))
    return _exact_class(atom)


def _exact_class(atom: _Atom) -> str:
    found = _matched(atom.text)
    if "/" in found:
        return atom.text if found.issuperset(_HEX) else _either(atom.text, "/", ENCODED_SLASH)
    if atom.text.startswith("[^"):
        return _either(f"{atom.text[:-1]}%]", _NO_SLASH)
    return _either(atom.text, *_bytes(found, ""))


def _plain(atom: _Atom) -> str | None:
    """The character that the atom is, None where it is a class of several."""
    text = atom.text
    if atom.is_syntax or text in _SHORTHAND:
        return None
    if _ENCODED.fullmatch(text):
        byte = int(text[1:], 16)
        return chr(byte) if byte < 0x80 else None
    if _ESCAPED.fullmatch(text):
        return text[1]
    return text if len(text) == 1 else None


def _encoded(character: str, twice: str) -> str:
    """Its percent-encoded form, "" where Envoy has decoded that."""
    if character not in _RESERVED and character.isascii():
        return ""
    return "".join(f"%{twice}(?i:{byte:02X})" for byte in character.encode())


def _bytes(found: frozenset[str], twice: str) -> list[str]:
    encoded = [_encoded(one, twice) for one in sorted(found.intersection(_RESERVED))]
    return [*encoded, *([_BYTES] if found.intersection(_LETTERS) else [])]


@lru_cache(maxsize=4096)
def _matched(text: str) -> frozenset[str]:
    """Which of the characters that matter here a class matches."""
    if _ENCODED.fullmatch(text):
        return frozenset()
    compiled = re2.compile(text, OPTIONS)
    return frozenset(one for one in f"/{_RESERVED}{_HEX}{_LETTERS}" if compiled.fullmatch(one))


@lru_cache(maxsize=4096)
def _without_question_mark(text: str) -> str:
    """What the atom matches before a query begins."""
    if _ENCODED.fullmatch(text):
        return f"(?i:{text})"
    text = _SHORTHAND.get(text, text)
    if text.startswith("[^"):
        return f"{text[:-1]}?]"
    compiled = re2.compile(text, OPTIONS)
    if not compiled.fullmatch("?"):
        return text
    others = [re.escape(one) for one in _VISIBLE if one != "?" and compiled.fullmatch(one)]
    return f"[{''.join(others)}]" if others else _NOTHING


def _either(*ways: str) -> str:
    given = [way for way in ways if way]
    return given[0] if len(given) == 1 else f"(?:{'|'.join(given)})"


def _atoms(expression: str) -> Iterator[_Atom]:
    pieces = list(_pieces(expression))
    for index, (text, is_syntax) in enumerate(pieces):
        after = pieces[index + 1][0] if index + 1 < len(pieces) else ""
        yield _Atom(text, is_syntax, after in ("*", "+"))


def _pieces(expression: str) -> Iterator[tuple[str, bool]]:
    """(text, whether it is syntax); a class is one, a quoted text is its characters."""
    opened = ""
    for _, piece, in_class in tokens(expression):
        if in_class:
            opened += piece
            if piece == "]" and opened != piece:
                yield opened, False
                opened = ""
        elif piece.startswith(r"\Q"):
            yield from ((re.escape(one), False) for one in piece[2:].removesuffix(r"\E"))
        else:
            yield piece, _is_syntax(piece)


def _is_syntax(piece: str) -> bool:
    if piece in ("|", ")", "*", "+", "?", "^", "$") or piece.startswith(("(", r"\b", r"\B", r"\A", r"\z")):
        return True
    return len(piece) > 2 and piece.startswith("{")
