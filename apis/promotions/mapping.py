"""What is otherwise in another environment: remembered from the last promotion between the two."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from apis.promotions.models import Mapped
from console.models import Environment

Kind = Mapped.Kind
MOST = 5_000
"""Of two environments."""
Rows = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Memory:
    """By kind and what it is in the one, what it is in the other."""

    rows: Rows = field(default_factory=dict)

    def of(self, kind: str, was: str) -> str | None:
        return self.rows.get((kind, was))


def between(source: Environment, target: Environment) -> Memory:
    rows = Mapped.objects.filter(source=source, target=target).values_list("kind", "was", "becomes")
    return Memory({(kind, was): becomes for kind, was, becomes in rows[:MOST]})


def remember(source: Environment, target: Environment, told: Iterable[tuple[str, str, str]]) -> None:
    """(kind, what it was, what it becomes) of each. In the caller's transaction."""
    if source.pk == target.pk:
        return
    found = {(kind, was[:1024]): becomes[:1024] for kind, was, becomes in told if was}
    rows = [
        Mapped(source=source, target=target, kind=kind, was=was, becomes=becomes)
        for (kind, was), becomes in sorted(found.items())
    ]
    Mapped.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["source", "target", "kind", "was"],
        update_fields=["becomes"],
    )
