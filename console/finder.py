"""What the search field finds: each app adds, when it starts, how its own things are found by name."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.db.models import Case, Q, When

from console.models import Environment, User


@dataclass(frozen=True)
class Hit:
    """One thing found: its kind in words, and where it is."""

    kind: str
    icon: str
    name: str
    detail: str
    url: str


Find = Callable[[User, str, int], Iterable[Hit]]
"""What this user may see and the query names, this many at most."""

_finders: dict[Find, int] = {}


def add(find: Find, place: int) -> None:
    """`place` orders what is found."""
    _finders[find] = place


def hits(user: User, query: str, limit: int) -> Iterator[Hit]:
    """So many at most of each kind."""
    for find in sorted(_finders, key=_finders.__getitem__):
        yield from find(user, query, limit)


def where(environment: Environment) -> str:
    return f"{environment.organization} / {environment}"


def nearest_first(field: str, query: str) -> tuple[Case, str]:
    """Names that begin with the query before names that hold it."""
    return Case(When(Q(**{f"{field}__istartswith": query}), then=0), default=1), field
