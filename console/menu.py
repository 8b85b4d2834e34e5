"""The entries of the left navigation: each app adds its own when it starts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import uuid4

from django.db.models import QuerySet

from console.compiled import CompiledQuery
from console.counted import Counted
from console.models import Environment


class MenuCounts(NamedTuple):
    rows: int | None = None
    alarms: int | None = None


@dataclass(frozen=True)
class MenuEntry:
    """`page` is the name of its address; `place` orders the entries; `count` tells how many there are of what
    is no environment's, `rows` are those of an environment, OuterRef("pk"), and `alarm` those of them that
    somebody should look at: to who has the permission `needs` there. Nobody else finds it, unless it
    `opens_to_all`, who see of it what is theirs. One that `is_for_consumers` is for who holds no role, and
    where they are.
    """

    title: str
    page: str
    icon: str
    place: int
    count: Callable[[], int] | None = None
    rows: Callable[[], QuerySet[Any]] | None = None
    alarm: Callable[[], QuerySet[Any]] | None = None
    needs: str = ""
    opens_to_all: bool = False
    is_for_consumers: bool = False


_entries: dict[str, MenuEntry] = {}


def add(*entries: MenuEntry) -> None:
    """Once or again: an entry of the same page is replaced."""
    _entries.update((entry.page, entry) for entry in entries)


def entries() -> Iterable[MenuEntry]:
    return sorted(_entries.values(), key=lambda entry: entry.place)


def counted(environment: Environment, entries: Iterable[MenuEntry]) -> dict[str, MenuCounts]:
    """By page, of those that count something: rows by one statement for all of them."""
    given = list(entries)
    told = {entry.page: MenuCounts(entry.count()) for entry in given if entry.count}
    asking = tuple(entry.page for entry in given if entry.rows or entry.alarm)
    for found in _statement(asking)(environment=environment.pk) if asking else ():
        told |= {
            page: MenuCounts(*(getattr(found, f"{page}_{one}", None) for one in MenuCounts._fields))
            for page in asking
        }
    return told


@lru_cache(maxsize=64)
def _statement(pages: tuple[str, ...]) -> CompiledQuery[Environment]:
    """By who may see what there are a few of them."""
    told: dict[str, Counted] = {}
    for entry in map(_entries.__getitem__, pages):
        told |= {f"{entry.page}_rows": Counted(entry.rows())} if entry.rows else {}
        told |= {f"{entry.page}_alarms": Counted(entry.alarm())} if entry.alarm else {}
    return CompiledQuery(
        lambda environment: Environment.objects.filter(pk=environment).order_by().only("pk").annotate(**told),
        environment=uuid4(),
    )
