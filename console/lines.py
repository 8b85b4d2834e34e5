"""What pages, logs and mails show on one line."""

from unicodedata import category

LABEL_IS_NONE = "The label holds a line break or a control character; take it out."


def is_line(text: str) -> bool:
    return not any(category(sign) == "Cc" for sign in text)


def within(title: str) -> str:
    """For the middle of a line: in lower case, except abbreviations."""
    return title if title[1:2].isupper() else f"{title[:1].lower()}{title[1:]}"
