"""The columns of the list of APIs, and which of them a user looks at."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import uuid4

from apis.lists.models import ChosenColumns
from console.compiled import CompiledQuery
from console.models import User


class Column(NamedTuple):
    name: str
    title: str
    is_usual: bool = True


COLUMNS = (
    Column("label", "Label", False),
    Column("version", "Version"),
    Column("id", "Instance"),
    Column("gateway", "Gateway"),
    Column("tags", "Tags"),
    Column("owners", "Owners", False),
    Column("upstream", "Upstream", False),
    Column("protocol", "Protocol", False),
    Column("applications", "Client applications", False),
    Column("errors", "Error rate, 24 h"),
    Column("requests", "Requests, 24 h"),
    Column("created", "Created", False),
    Column("changed", "Changed", False),
)
"""In their order; status and name are always there."""

_chosen = CompiledQuery(
    lambda user: ChosenColumns.objects.filter(user=user).values_list("columns", flat=True), user=uuid4()
)


def of(user: User) -> set[str]:
    chosen = _chosen.first(user=user.pk)
    known = {one.name for one in COLUMNS}
    return known & set(chosen) if chosen is not None else {one.name for one in COLUMNS if one.is_usual}


def choose(user: User, names: Collection[str]) -> None:
    """Those that there are; None of them is a choice, too."""
    columns = [one.name for one in COLUMNS if one.name in names]
    ChosenColumns.objects.update_or_create(user=user, defaults={"columns": columns})


def forget(user: User) -> None:
    """The usual ones from now on."""
    ChosenColumns.objects.filter(user=user).delete()
