"""Pages of APIs after what costs much, an order or a search: one statement finds ids, and counts all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, F, QuerySet, Window

from apis.models import ApiInstance
from console import statements
from console.statements import Statement

Part = tuple[Sequence[int], int]
"""Ids, and how many there are in all; where there are no ids, that is not known unless they are the first."""


@dataclass(frozen=True)
class Searched:
    """APIs in their order, which are looked through once, not once to count them."""

    apis: QuerySet[ApiInstance]

    def part(self, start: int, size: int) -> Part:
        rows = self.apis.annotate(in_all=Window(Count("*"))).values_list("pk", "in_all")
        return _read(list(rows[start : start + size]))


@dataclass(frozen=True)
class Ordered:
    """APIs by a `measure`, which a statement gives with their ids, then by name. Those without one come as if
    theirs was less than any, or, where `is_left_out`, not at all.
    """

    apis: QuerySet[ApiInstance]
    measure: Statement
    is_falling: bool = False
    is_left_out: bool = False

    def part(self, start: int, size: int) -> Part:
        listed = statements.of_rows(self.apis.order_by().values_list("pk", F("asset__name")))
        if listed is None:
            return [], 0
        joined = "JOIN" if self.is_left_out else "LEFT JOIN"
        way = "DESC" if self.is_falling else "ASC"
        first = "LAST" if self.is_falling else "FIRST"
        sql = f"""
            SELECT listed.id, count(*) OVER () FROM ({listed.sql}) AS listed (id, name)
            {joined} ({self.measure.sql}) AS measured (id, measure) ON measured.id = listed.id
            ORDER BY measure {way} NULLS {first}, name {way}, listed.id LIMIT %s OFFSET %s
        """
        with connection.cursor() as cursor:
            cursor.execute(sql, [*listed.values, *self.measure.values, size, start])
            return _read(cursor.fetchall())


def summed(measure: Statement, rows: QuerySet[Any, Any]) -> tuple[int, float]:
    """Of those whose ids the rows are: how many have such a measure, and their sum."""
    only = statements.of_rows(rows)
    if only is None:
        return 0, 0
    sql = f"""
        SELECT count(*), coalesce(sum(measure), 0) FROM ({measure.sql}) AS measured (id, measure)
        WHERE measure > 0 AND id IN ({only.sql})
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [*measure.values, *only.values])
        count, total = cursor.fetchone()
        return count, total


def _read(rows: Sequence[tuple[Any, ...]]) -> Part:
    return [pk for pk, _ in rows], rows[0][1] if rows else 0
