"""A command as a shell would divide it into words: quotes and escapes, and nothing that a shell would run."""

import re

MOST_CHARACTERS = 256 * 1024
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "e": "\x1b",
    "E": "\x1b",
}
_ANSI = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,6})|([0-7]{1,3})|(.))", re.S
)
_PLAIN = re.compile(r"[^\s'\"\\$`|;&<>()#]+")
_IN_DOUBLE = re.compile(r"[^\"\\$`]+")
_CONTINUED = re.compile(r"\\[ \t]*\r?\n")
"""With the spaces that stay behind it where a command is copied from a page."""
_OF_WINDOWS = re.compile(r'\^"|\^[ \t]*\r?\n')
_AFTER_CARET = re.compile(r"[ \t]*\r?\n(.?)|(.)", re.S)
_SINGLE = re.compile(r"'([^']*)'")
_DOLLAR = re.compile(r"\$'((?:[^'\\]|\\.)*)'", re.S)


class NoWords(ValueError):
    """The text cannot be divided; it says why."""


def words(text: str) -> list[str]:
    """Raises NoWords, also for what a shell would put in or run: its meaning would be lost. A command for the
    prompt of Windows is divided as that would.
    """
    if len(text) > MOST_CHARACTERS:
        raise NoWords(f"it is longer than {MOST_CHARACTERS // 1024} KB")
    if _OF_WINDOWS.search(text):
        text = _without_carets(text)
    found: list[str] = []
    word: list[str] | None = None
    at = 0
    while at < len(text):
        if joined := _CONTINUED.match(text, at):
            at = joined.end()
            continue
        if text[at].isspace():
            if word is not None:
                found.append("".join(word))
                word = None
            at += 1
            continue
        if text[at] == "#" and word is None:
            raise NoWords("it has a comment (#); take it out, or put the # into quotes")
        piece, at = _piece(text, at)
        word = [] if word is None else word
        word.append(piece)
    if word is not None:
        found.append("".join(word))
    return found


def _without_carets(text: str) -> str:
    r"""As a POSIX shell would have it: outside of quotes ^ takes the next sign as it is, and joins lines."""
    found: list[str] = []
    at, is_quoted = 0, False
    while at < len(text):
        if text[at] == "^" and not is_quoted and (taken := _AFTER_CARET.match(text, at + 1)):
            found.append(taken[1] if taken[2] is None else taken[2])
            at = taken.end()
            continue
        is_quoted ^= text[at] == '"'
        found.append(text[at])
        at += 1
    return "".join(f"\\{one}" if one in ("$", "`") else one for one in found)


def _piece(text: str, at: int) -> tuple[str, int]:
    """What stands there until the next quote or escape, without them, and where that ends."""
    if text[at] == "#":
        return "#", at + 1
    for pattern, read in ((_PLAIN, None), (_SINGLE, None), (_DOLLAR, _ansi)):
        if found := pattern.match(text, at):
            inner = found[1] if found.re.groups else found[0]
            return (read(inner) if read else inner), found.end()
    if text[at] == '"':
        return _double(text, at + 1)
    if text[at] == "\\" and at + 1 < len(text):
        return text[at + 1], at + 2
    raise NoWords(_why(text, at))


def _double(text: str, at: int) -> tuple[str, int]:
    inner: list[str] = []
    while at < len(text):
        if text[at] == '"':
            return "".join(inner), at + 1
        if found := _IN_DOUBLE.match(text, at):
            inner.append(found[0])
            at = found.end()
        elif text[at] == "\\" and at + 1 < len(text):
            following = text[at + 1]
            inner.append(following if following in '"\\$`' else "" if following == "\n" else f"\\{following}")
            at += 2
        elif text[at] == "$" and not re.match(r"\$[\w({]", text[at : at + 2]):
            inner.append("$")
            at += 1
        else:
            raise NoWords(_why(text, at))
    raise NoWords('a quote " has no end')


def _ansi(text: str) -> str:
    r"""What stands in $'…', as browsers copy it: \n, \u00e9."""

    def one(found: "re.Match[str]") -> str:
        *numbers, octal, letter = found.groups()
        for number in numbers:
            if number:
                return chr(int(number, 16)) if int(number, 16) <= 0x10FFFF else "\ufffd"
        return chr(int(octal, 8) & 0xFF) if octal else _ESCAPES.get(letter, letter)

    return _ANSI.sub(one, text)


def _why(text: str, at: int) -> str:
    one = text[at]
    if one == "'" or text.startswith("$'", at):
        return "a quote ' has no end"
    if one in "$`":
        return (
            f"a shell would put something else in the place of {text[at : at + 20]}; write the value itself"
        )
    if one == "\\":
        return "it ends with a backslash"
    if one in "|>":
        return f"what comes after {one} is no part of the request; take it out, or put the {one} into quotes"
    return f"a shell takes {one} for its own; put the address, or what holds it, into quotes"
