"""What pages, logs and mails show on one line."""

from unicodedata import category

IS_NONE = "It holds a line break or a control character; take it out."
LABEL_IS_NONE = "The label holds a line break or a control character; take it out."
_OTHER = ("Cc", "Zl", "Zp")
"""Control characters, and what divides lines and paragraphs."""


def is_line(text: str) -> bool:
    return not any(category(sign) in _OTHER for sign in text)


def within(title: str) -> str:
    """For the middle of a line: in lower case, except abbreviations."""
    return title if title[1:2].isupper() else f"{title[:1].lower()}{title[1:]}"
