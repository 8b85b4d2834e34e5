"""Ways to write a path of which servers make different things: what is refused before any route.

Envoy has made plain what has one meaning alone: letters, digits and `-._~` that came percent-encoded, `.`
and `..`, backslashes. What is left is judged by expressions over the path, which cost a request half a
percent of its road. docs/paths.md tells what becomes of each spelling, and what servers make of it.
"""

from typing import Any, Literal

import re2

Slashes = Literal["as-sent", "normalize", "refuse"]
"""What becomes of `%2F`, `%5C` and `//`; routes and conditions take them for one slash in any case."""
CHOICES: tuple[Slashes, ...] = ("as-sent", "normalize", "refuse")

ENCODED_SLASH = "%2[fF]|%5[cC]"
SLASH = "(?:/|%(?:25)*(?:2[fF]|5[cC]))"
"""What some server takes for a slash, one that decodes twice included."""
DOT = r"(?:\.|%(?:25)*2[eE])"
BLANK = "%(?:25)*(?:[01][0-9a-fA-F]|20)"
"""What `trim` takes off in Java: all up to the space. Spring took it off segments once (CVE-2016-5007)."""
SEMICOLON = "(?:;|%(?:25)*3[bB])"
_END = f"(?:(?:{SLASH}|{SEMICOLON}).*)?"
_UNRESERVED = "2[dDeE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE]"

BAD_SEGMENT = f"{SEMICOLON}.*|(?:{BLANK})*{DOT}(?:{DOT}|{BLANK})*{_END}"
"""From a segment's first character on: `;x`, `.`, `..;x`, `...`. Tomcat reads `/..;x/` as `/../`."""
_BAD = "|".join(
    (
        SLASH + f"(?:{BAD_SEGMENT})",
        # No byte at all, or one that ends a text in C.
        "%(?:[^0-9a-fA-F].*|[0-9a-fA-F](?:[^0-9a-fA-F].*)?)?",
        "%(?:25)*00.*",
        # Nobody has to encode these once, still less twice: a server that decodes twice is being looked for.
        f"%(?:25)+(?:{_UNRESERVED}).*",
        # Longer than UTF-8 needs: "%c0%ae" was a dot once.
        "%(?:25)*(?:[cC][01]%(?:25)*[89abAB]|[eE]0%(?:25)*[89]|[fF]0%(?:25)*8).*",
    )
)
_UNUSUAL_SLASHES = f"{SLASH}/.*|%(?:25)*(?:2[fF]|5[cC]).*"
REFUSAL = "Servers read this path in different ways."
INDIVISIBLE = "This path has an encoded slash where its route divides it."


def refused(slashes: Slashes) -> str:
    """An expression that matches the paths that no route shall see.

    Two slashes in front are a host's name to some programs.
    """
    more = f"|{_UNUSUAL_SLASHES}" if slashes == "refuse" else ""
    return f"//.*|.*(?:{_BAD}{more})"


def refused_when_joined() -> str:
    """The same for a path that was put together: nor may a slash come about where none was sent."""
    return f"(?:[^/].*)?|//.*|.*(?:{_BAD}|{_UNUSUAL_SLASHES})"


def needless(path: str) -> str | None:
    """The first escape of a letter, a digit or `-._~`: routes see the character, and never the escape."""
    found = re2.search(f"%(?:{_UNRESERVED})", path)
    return str(found[0]) if found else None


def is_ambiguous(path: str) -> bool:
    """Whether a path that an administrator writes would be refused if a client sent it."""
    return re2.fullmatch(refused("as-sent"), path) is not None


def handling(slashes: Slashes) -> dict[str, Any]:
    """What Envoy does with a path before anything looks at it."""
    is_plain = slashes == "normalize"
    return {
        "normalize_path": True,
        "merge_slashes": is_plain,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD" if is_plain else "KEEP_UNCHANGED",
    }
