"""Audit entries as a file for spreadsheets: written while it is sent, and harmless where it is opened."""

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import StreamingHttpResponse

from console.models import AuditEntry, AuditEntryQuerySet

MOST_ROWS = 100_000
AT_ONCE = 2000
DIFFERENCE_MOST = 10_000
COLUMNS = (
    "at", "who", "action", "failed", "kind", "name", "id",
    "of kind", "of name", "of id", "organization", "environment", "differences",
)  # fmt: skip
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet would take for the beginning of one."""


class _Echo:
    """What csv writes to: it hands the line back."""

    def write(self, text: str) -> str:
        return text


def answer(rows: AuditEntryQuerySet, name: str = "audit-log.csv") -> StreamingHttpResponse:
    """The newest, or the first in the order of the rows; so many at most."""
    found = rows.select_related("organization", "environment")[:MOST_ROWS]
    lines = written(found.iterator(chunk_size=AT_ONCE))
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def written(entries: Iterable[AuditEntry]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    for entry in entries:
        yield writer.writerow([harmless(cell) for cell in _cells(entry)])


def harmless(cell: str) -> str:
    """A cell that would be a formula becomes text."""
    return f"'{cell}" if cell.startswith(FORMULAS) else cell


def _cells(entry: AuditEntry) -> list[str]:
    return [
        entry.at.isoformat(),
        entry.actor_name,
        entry.action,
        "yes" if entry.failed else "no",
        entry.noun,
        entry.object_name,
        entry.object_id,
        entry.of_noun,
        entry.of_name,
        entry.of_id,
        str(entry.organization or ""),
        str(entry.environment or ""),
        _differences(entry.diff)[:DIFFERENCE_MOST],
    ]


def _differences(diff: dict[str, Any]) -> str:
    """What was nothing and is nothing, as the empty fields of something new, is no difference."""
    told = {name: (_value(before), _value(after)) for name, (before, after) in diff.items()}
    return "; ".join(
        f"{name}: {before} → {after}" for name, (before, after) in told.items() if before != after
    )


def _value(value: Any) -> str:
    if value is None or value == "":
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
