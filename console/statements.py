"""Statements that are parts of others: their text with `%s` for each value, and the values in that order."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

_NAMED = re.compile(r"%\((\w+)\)s")


class Statement(NamedTuple):
    sql: str
    values: tuple[Any, ...] = ()


def of_named(sql: str, values: Mapping[str, Any]) -> Statement:
    """Of a text with `%(name)s` for each value."""
    return Statement(_NAMED.sub("%s", sql), tuple(values[name] for name in _NAMED.findall(sql)))


def of_rows(rows: QuerySet[Any, Any]) -> Statement | None:
    """What the queryset asks; None where Django knows that it finds nothing."""
    try:
        sql, values = rows.query.sql_with_params()
    except EmptyResultSet:
        return None
    return Statement(sql, tuple(values))
