"""Which audit entries are asked for: by page, file and REST alike, and quickly among millions."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q

from console.models import AuditEntry, AuditEntryQuerySet, Environment, Organization, User
from console.permissions import Permission

SEARCHED = 100_000
"""A word is looked for in so many of the newest entries that the other choices leave."""
FOUND = 10_000
LONGEST_TEXT = 200
_LIKE, _ESCAPED = re.compile(r"([\\%_])"), r"\\\1"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class AuditFilter:
    """`place` is an organization or an environment; `about` is the kind and id of an object; `who` is a
    person's name, or that of a person and an app: "ada by pipeline". `until` is not included.
    """

    kinds: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    who: str = ""
    since: datetime | None = None
    until: datetime | None = None
    about: tuple[str, str] | None = None
    place: UUID | None = None
    failed: bool | None = None

    def of(self, rows: AuditEntryQuerySet) -> AuditEntryQuerySet:
        """Those of these that are wanted."""
        if self.place:
            rows = rows.filter(Q(environment=self.place) | Q(organization=self.place))
        if self.kinds:
            rows = rows.filter(object_type__in=self.kinds)
        if self.actions:
            rows = rows.filter(action__in=self.actions)
        if self.who:
            rows = rows.filter(Q(actor_name=self.who) | Q(actor_name__startswith=f"{self.who} by "))
        if self.since:
            rows = rows.filter(at__gte=self.since)
        if self.until:
            rows = rows.filter(at__lt=self.until)
        if self.about:
            rows = rows.about(self.about[0], [self.about[1]])
        if self.failed is not None:
            rows = rows.filter(failed=self.failed)
        return rows


def visible(user: User) -> AuditEntryQuerySet:
    """What `AuditEntry.objects.visible_to` finds, in a form for which an index serves."""
    if user.reaches_everything:
        return AuditEntry.objects.all()
    held, view = user.held(), Permission.VIEW_AUDIT
    whole = list(Organization.objects.allowing(held, view).values_list("pk", flat=True))
    single = Environment.objects.allowing(held, view).exclude(organization__in=whole)
    reach = Q(organization__in=whole)
    if environments := list(single.values_list("pk", flat=True)):
        reach |= Q(environment__in=environments)
    if held.apis(view):
        reach |= held.entries_of_apis(view)
    return AuditEntry.objects.filter(reach)


def searched(rows: AuditEntryQuerySet, text: str) -> AuditEntryQuerySet:
    """As `found`, for who reads all of them; without a text, these rows."""
    if not text:
        return rows
    return AuditEntry.objects.filter(pk__in=found(rows, text)).order_by(*rows.query.order_by)


def found(rows: AuditEntryQuerySet, text: str) -> list[int]:
    """Of the first of these rows, in their order, those by, about or of something with this in its name, or
    with this id: the ids of so many at most as a page counts.
    """
    text = text[:LONGEST_TEXT]
    columns = ("object_name", "of_name", "actor_name", "object_id", "of_id")
    # By time alone: who is the last of those of one moment matters little, and sorting them by id does.
    order = [one for one in rows.query.order_by if str(one).lstrip("-") == "at"] or rows.query.order_by
    first = rows.order_by(*order).values("id", *columns)[:SEARCHED]
    statement, values = first.query.sql_with_params()
    words = f"%{_LIKE.sub(_ESCAPED, text)}%"
    # Together in lower case once: three times ILIKE takes twice as long.
    names = " || E'\\n' || ".join(columns[:3])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM ({statement}) AS first "  # noqa: S608 a statement of Django's own
            f"WHERE lower({names}) LIKE lower(%s) OR object_id = %s OR of_id = %s LIMIT %s",
            [*values, words, text, text, FOUND],
        )
        return [row[0] for row in cursor.fetchall()]


def kinds() -> list[str]:
    """Every kind of object that an entry is about: found by steps in an index, not by reading all rows."""
    table = connection.ops.quote_name(AuditEntry._meta.db_table)
    step = f"SELECT min(object_type) FROM {table}"  # noqa: S608 a table of ours
    statement = (
        f"WITH RECURSIVE kinds(kind) AS (({step}) UNION ALL "  # noqa: S608 likewise
        f"SELECT ({step} WHERE object_type > kind) FROM kinds WHERE kind IS NOT NULL) "
        "SELECT kind FROM kinds WHERE kind IS NOT NULL"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [row[0] for row in cursor.fetchall()]


def cursor_of(entry: AuditEntry) -> str:
    """A word for where an entry stands in the order of time."""
    return f"{(entry.at - EPOCH) // MICROSECOND}_{entry.pk}"


def beyond(rows: AuditEntryQuerySet, cursor: str, *, ascending: bool = False) -> AuditEntryQuerySet:
    """Those behind it, in order. Raises ValueError for what is no cursor."""
    order = ("at", "id") if ascending else ("-at", "-id")
    if not cursor:
        return rows.order_by(*order)
    micros, _, pk = cursor.partition("_")
    if not (micros.isascii() and micros.isdigit() and pk.isascii() and pk.isdigit() and len(cursor) < 40):
        raise ValueError("This is no cursor that an answer had.")
    try:
        at = EPOCH + int(micros) * MICROSECOND
    except OverflowError:
        raise ValueError("This is no cursor that an answer had.") from None
    if ascending:
        return rows.filter(Q(at=at, pk__gt=int(pk)) | Q(at__gt=at), at__gte=at).order_by(*order)
    return rows.filter(Q(at=at, pk__lt=int(pk)) | Q(at__lt=at), at__lte=at).order_by(*order)
