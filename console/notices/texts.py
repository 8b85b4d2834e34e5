"""What is told, within its bounds: subjects of one line, and links of this console alone."""

import unicodedata

from django.conf import settings

SUBJECT_MOST = 200
TEXT_MOST = 20_000
LINK_MOST = 500


def subject(text: str) -> str:
    """On one line and without control characters: it becomes a header of a mail."""
    words = " ".join(text.split())
    return _shortened("".join(one for one in words if not _is_control(one)), SUBJECT_MOST)


def body(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    return _shortened("".join(one for one in lines if one in "\n\t" or not _is_control(one)), TEXT_MOST)


def link(address: str) -> str:
    """The path of an address of this console. Raises ValueError for any other: it would be sent to people."""
    path = address.removeprefix(settings.CONSOLE_URL)
    if not path:
        return "/" if address else ""
    if not path.startswith("/") or path.startswith("//") or "\\" in path or len(path) > LINK_MOST:
        raise ValueError(f"{address[:LINK_MOST]}: a notice links to a page of this console alone")
    if any(one.isspace() or _is_control(one) for one in path):
        raise ValueError("a link has no spaces")
    return path


def absolute(path: str) -> str:
    """How a link is read outside of the console."""
    return f"{settings.CONSOLE_URL}{path}" if path else ""


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
