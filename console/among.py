"""Thousands of ids in a query: written out one by one they take most of its time."""

from collections.abc import Iterable

from django.db.models import BigIntegerField
from django.db.models.expressions import RawSQL

MOST = 2**63 - 1


def among(ids: Iterable[int]) -> RawSQL | list[int]:
    """For `pk__in=`: the database gets them as one value, and is not asked where there are none. What no id
    can be is left out.
    """
    found = [one for one in ids if 0 <= one <= MOST]
    if not found:
        return []
    return RawSQL("SELECT unnest(%s::bigint[])", [found], output_field=BigIntegerField())
