"""What a new OpenAPI document adds to the operations of the one before, and takes away."""

from dataclasses import dataclass

from apis.documents.specification import Specification

MOST_SHOWN = 200


@dataclass(frozen=True)
class Difference:
    """Operations as "GET /orders", in the order of their documents."""

    added: list[str]
    removed: list[str]
    kept: int

    @property
    def added_shown(self) -> list[str]:
        return self.added[:MOST_SHOWN]

    @property
    def removed_shown(self) -> list[str]:
        return self.removed[:MOST_SHOWN]


def between(before: Specification | None, after: Specification) -> Difference:
    old, new = _of(before), _of(after)
    return Difference(
        added=[one for one in new if one not in old],
        removed=[one for one in old if one not in new],
        kept=sum(one in old for one in new),
    )


def _of(document: Specification | None) -> dict[str, None]:
    rows = document.operations.values_list("method", "path") if document else ()
    return {f"{method} {path}": None for method, path in rows}
