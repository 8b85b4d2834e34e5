"""The entries of the left navigation: each app adds its own when it starts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from console.models import Environment


@dataclass(frozen=True)
class Entry:
    """`page` is the name of its address; `place` orders the entries; `count` tells how many there are in an
    environment, `alarm` how many of them somebody should look at: to who has the permission `needs` there.
    Nobody else finds it, unless it `opens_to_all`, who see of it what is theirs. One that `is_for_consumers`
    is for who holds no role, and where they are.
    """

    title: str
    page: str
    icon: str
    place: int
    count: Callable[[Environment], int] | None = None
    alarm: Callable[[Environment], int] | None = None
    needs: str = ""
    opens_to_all: bool = False
    is_for_consumers: bool = False


_entries: dict[str, Entry] = {}


def add(*entries: Entry) -> None:
    """Once or again: an entry of the same page is replaced."""
    _entries.update((entry.page, entry) for entry in entries)


def entries() -> Iterable[Entry]:
    return sorted(_entries.values(), key=lambda entry: entry.place)
