"""Numbers that forms and addresses send: ids and versions, which anybody may make as long as they like."""

MOST_DIGITS = 18
"""Of what a column of ids can hold."""


def number(text: str) -> int | None:
    """The number that is written in decimal digits; None for all else."""
    is_one = text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
    return int(text) if is_one else None


def numbers(texts: list[str]) -> list[int]:
    """Those of them that are numbers."""
    return [found for one in texts if (found := number(one)) is not None]
