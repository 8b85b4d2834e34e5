"""What a new OpenAPI document adds to the operations of the one before, takes away, and says otherwise."""

import re
from collections import Counter
from collections.abc import Callable
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
_PARAMETER = re.compile(r"\{[^{}/]*\}")
Row = dict[str, Any]
Operations = dict[str, Row]


@dataclass(frozen=True)
class ChangedOperation:
    """`what` names the parts that differ."""

    operation: str
    what: str


@dataclass(frozen=True)
class DocumentDifference:
    """Operations as "GET /orders", in the order of their documents."""

    added: list[str]
    removed: list[str]
    changed: list[ChangedOperation]
    kept: int
    """Of both documents, changed or not."""

    @property
    def added_shown(self) -> list[str]:
        return self.added[:MOST_SHOWN]

    @property
    def removed_shown(self) -> list[str]:
        return self.removed[:MOST_SHOWN]

    @property
    def changed_shown(self) -> list[ChangedOperation]:
        return self.changed[:MOST_SHOWN]


def between(before: Specification | None, after: Specification) -> DocumentDifference:
    old, new = _of(before), _of(after)
    was = {one: one for one in new if one in old} | _renamed(old, new)
    changed = [
        ChangedOperation(one, what) for one in new if one in was and (what := _told(was[one], one, old, new))
    ]
    return DocumentDifference(
        added=[one for one in new if one not in was],
        removed=[one for one in old if one not in was.values()],
        changed=changed,
        kept=len(was),
    )


def _renamed(old: Operations, new: Operations) -> dict[str, str]:
    """Those that only one of both has, by what they were: of the same path but for names of parameters, or of
    the same operationId; no other has either there.
    """
    found: dict[str, str] = {}
    for of in (_shape, _named):
        gone = _once(of, [old[one] for one in old if one not in new and one not in found.values()])
        come = _once(of, [new[one] for one in new if one not in old and one not in found])
        found |= {come[key]: gone[key] for key in come.keys() & gone.keys()}
    return found


def _once(of: Callable[[Row], str], rows: list[Row]) -> dict[str, str]:
    """By key, those whose key no other has."""
    keys = Counter(of(one) for one in rows)
    return {of(one): _title(one) for one in rows if of(one) and keys[of(one)] == 1}


def _shape(one: Row) -> str:
    return f"{one['method']} {_PARAMETER.sub('{}', one['path'])}"


def _named(one: Row) -> str:
    return f"{one['method']} {one['operation_id']}" if one["operation_id"] else ""


def _told(was: str, now: str, old: Operations, new: Operations) -> str:
    path = [f"path, which was {old[was]['path']}"] if was != now else []
    return ", ".join([*path, *filter(None, [_what(old[was], new[now])])])


def _what(old: dict[str, Any], new: dict[str, Any]) -> str:
    return ", ".join(words for name, words in FIELDS.items() if _differs(name, old[name], new[name]))


def _differs(name: str, old: Any, new: Any) -> bool:
    """Of the content of operations that were read by a release which did not keep it, nothing is known."""
    return old != new and (name != "content" or bool(old and new))


def _of(document: Specification | None) -> Operations:
    rows = Operation.objects.filter(specification=document) if document else Operation.objects.none()
    return {_title(one): one for one in rows.values("method", "path", *FIELDS)}


def _title(one: Row) -> str:
    return f"{one['method']} {one['path']}"
