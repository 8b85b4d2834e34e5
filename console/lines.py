"""What pages, logs and mails show on one line."""

from unicodedata import category

LABEL_IS_NONE = "The label holds a line break or a control character; take it out."


def is_line(text: str) -> bool:
    return not any(category(sign) == "Cc" for sign in text)
