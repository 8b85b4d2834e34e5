"""Whether a regular expression is one that the gateway's RE2 engine takes."""

import re

MAX_LENGTH = 1024

_UNSUPPORTED = (
    (re.compile(r"\(\?<?[=!]"), "lookahead and lookbehind"),
    (re.compile(r"\(\?P=|\\[1-9]|\\k<"), "backreferences"),
    (re.compile(r"\(\?\("), "conditional groups"),
    (re.compile(r"\(\?>|[*+?}]\+"), "atomic groups and possessive repeats"),
)
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_ESCAPED = re.compile(r"\\(?![1-9k])(?:p\{\w+\}|.)", re.IGNORECASE)
_REPEAT = re.compile(r"\{(\d+)(?:,(\d*))?\}")


def fault(pattern: str) -> str | None:
    """Why the gateway would refuse this expression, or None when it would not.

    RE2 matches in linear time and therefore knows neither lookaround nor backreferences.
    """
    if len(pattern) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters; split it into several rules"
    bare = _ESCAPED.sub("x", _CLASS.sub("x", pattern))
    for syntax, name in _UNSUPPORTED:
        if syntax.search(bare):
            return f'"{pattern}" uses {name}, which the gateway\'s RE2 engine does not have; write it without'
    if any(int(bound) > 1000 for pair in _REPEAT.findall(bare) for bound in pair if bound):
        return f'"{pattern}" repeats more than 1000 times; use "*" or "+"'
    try:
        re.compile(_as_python(pattern))
    except (re.error, RecursionError, OverflowError) as error:
        return f'"{pattern}" is not a regular expression: {error}'
    return None


def _as_python(pattern: str) -> str:
    """The pattern with what RE2 has and Python spells otherwise put into Python's words."""
    pattern = re.sub(r"\\[pP](?:\{\^?\w+\}|\w)", r"\\w", pattern)
    pattern = re.sub(r"\[:\^?\w+:\]", r"\\w", pattern)
    pattern = re.sub(r"\(\?<(\w+)>", r"(?P<\1>", pattern)
    pattern = re.sub(r"\(\?([imsU-]+)\)", "", pattern)
    pattern = re.sub(r"\(\?([imsU-]+):", "(?:", pattern)
    return pattern.replace(r"\z", r"\Z").replace(r"\C", ".")
