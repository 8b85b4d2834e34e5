"""Whom a refusal names: a few of many."""

from collections.abc import Sequence

MOST = 3


def few(found: Sequence[object]) -> str:
    """The first three by name; that there are others is said."""
    return ", ".join(map(str, found[:MOST])) + (" and others" if len(found) > MOST else "")
