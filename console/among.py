"""Thousands of ids in a query: written out one by one they take most of its time."""

from collections.abc import Iterable

from django.db.models import BigIntegerField
from django.db.models.expressions import RawSQL

MOST = 2**63 - 1


def among(ids: Iterable[int]) -> RawSQL:
    """For `pk__in=`: the database gets them as one value. What no id can be is left out."""
    return RawSQL(
        "SELECT unnest(%s::bigint[])",
        [[one for one in ids if 0 <= one <= MOST]],
        output_field=BigIntegerField(),
    )
