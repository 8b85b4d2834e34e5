"""What a new OpenAPI document adds to the operations of the one before, takes away, and says otherwise."""

from dataclasses import dataclass
from typing import Any

from apis.documents.specification import Operation, Specification

MOST_SHOWN = 200
FIELDS = {
    "summary": "summary",
    "operation_id": "operationId",
    "tags": "tags",
    "is_deprecated": "deprecated",
    "content": "parameters, bodies or answers",
}


@dataclass(frozen=True)
class Changed:
    """`what` names the parts that differ."""

    operation: str
    what: str


@dataclass(frozen=True)
class Difference:
    """Operations as "GET /orders", in the order of their documents."""

    added: list[str]
    removed: list[str]
    changed: list[Changed]
    kept: int
    """Of both documents, changed or not."""

    @property
    def added_shown(self) -> list[str]:
        return self.added[:MOST_SHOWN]

    @property
    def removed_shown(self) -> list[str]:
        return self.removed[:MOST_SHOWN]

    @property
    def changed_shown(self) -> list[Changed]:
        return self.changed[:MOST_SHOWN]


def between(before: Specification | None, after: Specification) -> Difference:
    old, new = _of(before), _of(after)
    both = [one for one in new if one in old]
    changed = [Changed(one, what) for one in both if (what := _what(old[one], new[one]))]
    return Difference(
        added=[one for one in new if one not in old],
        removed=[one for one in old if one not in new],
        changed=changed,
        kept=len(both),
    )


def _what(old: dict[str, Any], new: dict[str, Any]) -> str:
    return ", ".join(words for name, words in FIELDS.items() if _differs(name, old[name], new[name]))


def _differs(name: str, old: Any, new: Any) -> bool:
    """Of the content of operations that were read by a release which did not keep it, nothing is known."""
    return old != new and (name != "content" or bool(old and new))


def _of(document: Specification | None) -> dict[str, dict[str, Any]]:
    rows = Operation.objects.filter(specification=document) if document else Operation.objects.none()
    return {f"{one['method']} {one['path']}": one for one in rows.values("method", "path", *FIELDS)}
