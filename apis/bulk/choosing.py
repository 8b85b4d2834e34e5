"""Notes which APIs a bulk change is about, and forgets those that nobody began."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet, ValidationError
from django.db import connection, transaction
from django.db.models import F, QuerySet, Value, Window
from django.db.models.functions import Left, RowNumber

from apis.api_name import NAME
from apis.bulk.actions import ACTIONS
from apis.bulk.models import MOST_APIS, BulkChange, BulkItem, Plan
from apis.models import ApiInstance
from apis.removed import Removed, RemovedQuerySet
from console.among import among
from console.models import Environment, User

MOST_ASKED = 20
"""Of a user: what was chosen and not begun. What is more goes soon; of twice as many the oldest at once."""
NONE = "none"
"""The code of the refusal where none of the ids is an API's."""
Ids = Sequence[int] | QuerySet[Any, Any]
"""Of APIs. A query is answered where the rows are: none of its ids comes here."""


@transaction.atomic
def ask(user: User, environment: Environment, action: str, apis: Ids) -> BulkChange:
    """Note which APIs are meant. Raises ValidationError where it is none, or too many."""
    if action not in ACTIONS:
        raise ValidationError("Choose what is to be done with the APIs.")
    most = min(MOST_APIS, ACTIONS[action].most)
    change = BulkChange.objects.create(environment=environment, by=user, action=action)
    noted = _note(change, apis, most + 1)
    if not noted:
        raise ValidationError("Choose at least one API.", code=NONE)
    if noted > most:
        raise ValidationError(f"At most {most:,} APIs can be changed at once; narrow the search.")
    asked = BulkChange.objects.filter(by=user, state=BulkChange.State.ASKED)
    forget(asked.values_list("pk", flat=True)[2 * MOST_ASKED :])
    return change


def superfluous() -> QuerySet[BulkChange, UUID]:
    """What users chose before their last `MOST_ASKED`, and did not begin."""
    place = Window(RowNumber(), partition_by="by", order_by=F("asked_at").desc())
    asked = BulkChange.objects.filter(state=BulkChange.State.ASKED).annotate(place=place)
    return asked.filter(place__gt=MOST_ASKED).values_list("pk", flat=True)


def forget(changes: QuerySet[BulkChange, UUID]) -> None:
    """Each has thousands of APIs, which Django's own way of deleting would bring here. One that was begun
    meanwhile stays.
    """
    if not (found := list(changes)):
        return
    with transaction.atomic(), connection.cursor() as cursor:
        locked = BulkChange.objects.select_for_update().filter(pk__in=found)
        keys = [one.pk for one in locked.only("state") if not one.is_going]
        Plan.objects.filter(item__change__in=keys).delete()
        cursor.execute("DELETE FROM bulk_bulkitem WHERE change_id = ANY(%s)", [keys])
        BulkChange.objects.filter(pk__in=keys).delete()


def kept(environment: Environment) -> RemovedQuerySet:
    """The deleted APIs that can be restored there."""
    return Removed.objects.there().filter(environment=environment, kind=Removed.Kind.API)


def _note(change: BulkChange, apis: Ids, most: int) -> int:
    """How many they are, `most` at most; the database makes their rows of the APIs'."""
    state, words = Value(BulkItem.State.WAITING.value), Value("")
    columns = "change_id, state, words, api_key, name"
    found = apis if isinstance(apis, QuerySet) else among(apis)
    if change.action == BulkChange.Action.RESTORE:
        rows: Any = kept(change.environment).filter(api_id__in=found)
        meant = rows.values_list(Value(change.pk), state, words, "api_id", "name")
    else:
        rows = ApiInstance.objects.filter(environment=change.environment, pk__in=found)
        meant = rows.values_list(Value(change.pk), state, words, "pk", Left(NAME, 255))
    try:
        sql, values = meant[:most].query.sql_with_params()
    except EmptyResultSet:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO bulk_bulkitem ({columns}) {sql}", values)
        return int(cursor.rowcount)
