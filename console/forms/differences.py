"""Where two configurations differ, field by field, in the words of their form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from console.forms.schema_form import Field

NOTHING = "–"
HIDDEN = "a new value, not shown"
KEYS = frozenset({"id", "uri_id", "key"})
"""Of controls that nobody sees."""


@dataclass(frozen=True)
class FieldDifference:
    """What one field of a form has here and there."""

    label: str
    mine: str
    saved: str


def differences(
    mine: Iterable[Field], saved: Iterable[Field], names: Mapping[str, str] | None = None
) -> list[FieldDifference]:
    """`names` are the words for values that are keys."""
    here, there = (dict(_told(fields, names or {})) for fields in (mine, saved))
    labels = [*here, *(label for label in there if label not in here)]
    rows = [FieldDifference(one, here.get(one, NOTHING), there.get(one, NOTHING)) for one in labels]
    return [one for one in rows if one.mine != one.saved]


def _told(fields: Iterable[Field], names: Mapping[str, str], before: str = "") -> Iterable[tuple[str, str]]:
    """(label, value) of each control; that of one in a row names the row too."""
    for field in fields:
        label = f"{before}{field.label}"
        if field.kind == "group":
            yield from _told(field.fields, names, f"{label}: ")
        elif field.kind == "rows":
            for number, row in enumerate(field.fields, 1):
                yield from _told(row.fields, names, f"{before}{field.singular.capitalize()} {number}: ")
        elif field.key not in KEYS:
            yield label, words(field, names)


def words(field: Field, names: Mapping[str, str]) -> str:
    """What a control has, for a person; `names` are the words for values that are keys."""
    match field.kind:
        case "secret":
            return HIDDEN if field.value else "as stored"
        case "switch":
            return "on" if field.value else "off"
        case "choice" | "cards" | "choices":
            return ", ".join(one.label for one in field.choices if one.is_chosen) or NOTHING
        case "duration":
            unit = next((one.label for one in field.choices if one.is_chosen), "")
            return f"{field.value} {unit}" if field.value else NOTHING
    return names.get(str(field.value), str(field.value)) or NOTHING
