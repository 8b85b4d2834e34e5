"""Thousands of ids in a query: written out one by one they take most of its time."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import BigIntegerField, UUIDField
from django.db.models.expressions import RawSQL

MOST = 2**63 - 1


def among(ids: Iterable[int]) -> RawSQL | list[int]:
    """For `pk__in=`: the database gets them as one value, and is not asked where there are none. What no id
    can be is left out.
    """
    found = [one for one in ids if 0 <= one <= MOST]
    if not found:
        return []
    return numbers_in(listed(found))


def listed(ids: Iterable[int | UUID]) -> str:
    """As one text: a list of thousands is written element by element, which takes longer than the query. It
    is what a `CompiledQuery` is given, too.
    """
    return f"{{{','.join(str(one if isinstance(one, UUID) else int(one)) for one in ids)}}}"


def numbers_in(text: str) -> RawSQL:
    """Those that `listed` wrote."""
    return RawSQL("SELECT unnest(%s::bigint[])", [text], output_field=BigIntegerField())


def uuids_in(text: str) -> RawSQL:
    return RawSQL("SELECT unnest(%s::uuid[])", [text], output_field=UUIDField())
