"""Three-way merge of what a form holds: what two people made of one thing, from what both had seen.

Values are as `schema_data` reads them. What only one of the two changed is taken from that one; what both
changed, and not alike, is a conflict, in which the form's own value stands until somebody chooses.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, Literal

from console.forms.schema import Schema, kind, named, resolve
from console.versions import version

Values = dict[str, Any]
Edit = tuple[int, int, int, list[Any]]
Side = Literal["mine", "theirs", "both", "conflict"]
KEYS = frozenset({"id", "uri_id", "key"})
"""Of controls that nobody sees: they go with what is beside them."""
MOST_ITEMS = 200
"""Of a list whose order is compared, which takes time by the square of it."""
STORED = "\0stored "
"""How a secret that a form leaves as it is begins: which one it is follows, for nobody to read."""
UNKNOWN: Any = object()
"""What was there before, where nobody knows: it differs from everything."""


@dataclass(frozen=True)
class FormPart:
    """A form's piece with a schema of its own; `prefix` begins its fields' names."""

    key: str
    schema: Schema
    prefix: str = ""
    stored: Mapping[str, str] = field(default_factory=dict)
    """The secrets that are kept, by their paths."""


@dataclass(frozen=True)
class Divergence:
    """Where the two differ from what was: the name of a field, or of a list that is taken as a whole."""

    name: str
    side: Side


def filled(part: FormPart, values: Mapping[str, Any]) -> Values:
    """Each field there, with its default where it was left empty; a secret that was left empty is STORED."""
    return _filled_members(part, resolve(part.schema, part.schema), values, part.prefix)


def shown(values: Any) -> Any:
    """The same as a form is read: what is empty left out, and with it what stands for stored secrets."""
    if isinstance(values, dict):
        found = {key: shown(value) for key, value in values.items()}
        return {key: value for key, value in found.items() if value is not None}
    if isinstance(values, list):
        return [shown(one) for one in values]
    return None if isinstance(values, str) and values.startswith(STORED) else values


def with_secrets(
    part: FormPart, values: Mapping[str, Any], instead: Mapping[str, Any], *, but_typed: bool = False
) -> Values:
    """The secrets are those of `instead`, both filled; `but_typed` leaves those that are not as stored."""
    return _with_secrets(part, resolve(part.schema, part.schema), values, instead, but_typed)


def merge(part: FormPart, before: Any, mine: Values, theirs: Values) -> tuple[Values, list[Divergence]]:
    """All three filled; `before` may be UNKNOWN."""
    merged = _Merge(part)
    found = merged.members(resolve(part.schema, part.schema), before, mine, theirs, part.prefix)
    return found, merged.places


def got(part: FormPart, values: Any, name: str) -> Any:
    """The value of this name; UNKNOWN where there is none."""
    if not _is_of(part, name):
        return UNKNOWN
    for step in _steps(part, name):
        if isinstance(values, dict) and step in values:
            values = values[step]
        elif isinstance(values, list) and step.isdecimal() and int(step) < len(values):
            values = values[int(step)]
        else:
            return UNKNOWN
    return values


def put(part: FormPart, values: Values, name: str, value: Any) -> None:
    """Does nothing where there is no such place."""
    if not _is_of(part, name):
        return
    *way, last = _steps(part, name)
    holder: Any = values
    for step in way:
        if isinstance(holder, dict) and step in holder:
            holder = holder[step]
        elif isinstance(holder, list) and step.isdecimal() and int(step) < len(holder):
            holder = holder[int(step)]
        else:
            return
    if isinstance(holder, dict) and last in holder:
        holder[last] = value


def _is_of(part: FormPart, name: str) -> bool:
    return name.startswith(f"{part.prefix}." if part.prefix else "")


def _steps(part: FormPart, name: str) -> list[str]:
    return (name.removeprefix(f"{part.prefix}.") if part.prefix else name).split(".")


def _filled_members(part: FormPart, schema: Schema, values: Any, name: str) -> Values:
    given = values if isinstance(values, Mapping) else {}
    return {
        key: _filled_one(part, resolve(inner, part.schema), given.get(key), named(name, key))
        for key, inner in schema.get("properties", {}).items()
    }


def _filled_one(part: FormPart, schema: Schema, value: Any, name: str) -> Any:
    match kind(schema, part.schema):
        case "group":
            return _filled_members(part, schema, value, name)
        case "rows":
            item = resolve(schema["items"], part.schema)
            rows = value if isinstance(value, list | tuple) else schema.get("default") or ()
            return [_filled_members(part, item, row, f"{name}.{at}") for at, row in enumerate(rows)]
        case "secret":
            kept = part.stored.get(".".join(_steps(part, name)), "")
            return value or f"{STORED}{version(kept) if kept else ''}"
        case "lines" | "choices":
            return list(value if isinstance(value, list | tuple) else schema.get("default") or ())
    usual = schema.get("default")
    value = usual if value in (None, "") else value
    if isinstance(value, str):  # a text area sends other ends of lines than it was given
        value = value.replace("\r\n", "\n")
    return None if value == "" else value


def _with_secrets(part: FormPart, schema: Schema, values: Any, instead: Any, but_typed: bool) -> Any:
    given = instead if isinstance(instead, Mapping) else {}
    found = {}
    for key, inner in schema.get("properties", {}).items():
        one, value = resolve(inner, part.schema), values.get(key)
        match kind(one, part.schema):
            case "secret":
                is_kept = but_typed and not str(value).startswith(STORED)
                found[key] = value if is_kept else given.get(key, value if but_typed else STORED)
            case "group":
                found[key] = _with_secrets(part, one, value, given.get(key), but_typed)
            case "rows":
                item = resolve(one["items"], part.schema)
                beside = given.get(key) or []
                found[key] = [
                    _with_secrets(part, item, row, beside[at] if at < len(beside) else None, but_typed)
                    for at, row in enumerate(value)
                ]
            case _:
                found[key] = value
    return found


class _Merge:
    """What the levels of one merge share."""

    def __init__(self, part: FormPart) -> None:
        self.root = part.schema
        self.places: list[Divergence] = []

    def members(self, schema: Schema, before: Any, mine: Values, theirs: Values, name: str) -> Values:
        was = before if isinstance(before, dict) else {}
        return {
            key: self.one(
                resolve(inner, self.root),
                was.get(key, UNKNOWN),
                mine.get(key),
                theirs.get(key),
                named(name, key),
            )
            for key, inner in schema.get("properties", {}).items()
        }

    def one(self, schema: Schema, before: Any, mine: Any, theirs: Any, name: str) -> Any:
        if mine == theirs:
            return mine
        shape = kind(schema, self.root)
        if shape == "group":
            return self.members(schema, before, mine, theirs, name)
        if shape == "rows" and _is_row_by_row(before, mine, theirs):
            item = resolve(schema["items"], self.root)
            rows = before if before is not UNKNOWN else [UNKNOWN] * len(mine)
            return [
                self.members(item, *three, f"{name}.{at}")
                for at, three in enumerate(zip(rows, mine, theirs, strict=True))
            ]
        side, value = self._chosen(schema, shape, before, mine, theirs)
        return self._said(name, side, value)

    def _chosen(self, schema: Schema, shape: str, before: Any, mine: Any, theirs: Any) -> tuple[Side, Any]:
        if mine == before:
            return "theirs", theirs
        if theirs == before:
            return "mine", mine
        can_join = shape in {"rows", "lines", "choices"} and before is not UNKNOWN
        if can_join and not _has_secrets(schema, self.root):
            joined = _joined(before, mine, theirs)
            if joined is not None:
                return "both", joined
        return "conflict", mine

    def _said(self, name: str, side: Side, value: Any) -> Any:
        if name.rpartition(".")[2] not in KEYS:
            self.places.append(Divergence(name, side))
        return value


def _is_row_by_row(before: Any, mine: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Whether each row is still the one that it was, so that its fields can be merged one by one."""
    if len(mine) != len(theirs):
        return False
    if before is UNKNOWN:
        return True
    return len(before) == len(mine) and not any(_is_moved(before, side) for side in (mine, theirs))


def _is_moved(before: Sequence[Any], after: Sequence[Any]) -> bool:
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    return any(new in before or old in after for old, new in pairs)


def _has_secrets(schema: Schema, root: Schema) -> bool:
    """Of a list: stored secrets are found by their places in it."""
    item = resolve(schema.get("items", {}), root)
    parts = (resolve(one, root) for one in item.get("properties", {}).values())
    return any(kind(one, root) == "secret" for one in parts)


def _joined(before: Sequence[Any], mine: Sequence[Any], theirs: Sequence[Any]) -> list[Any] | None:
    """The list with what both did to it; None where they changed the same items."""
    if max(len(before), len(mine), len(theirs)) > MOST_ITEMS:
        return None
    edits = sorted([*_edits(before, theirs, 0), *_edits(before, mine, 1)], key=lambda edit: edit[:3])
    found: list[Any] = []
    at = 0
    last: Edit = (0, 0, -1, [])
    for start, end, whose, items in edits:
        is_same_place = whose != last[2] and (start, end) == last[:2]
        if is_same_place and (start == end or items == last[3]):
            found += [one for one in items if one not in last[3]]
        elif whose != last[2] and start < last[1]:
            return None
        else:
            found += [*before[at:start], *items]
        at, last = end, (start, end, whose, items)
    return [*found, *before[at:]]


def _edits(before: Sequence[Any], after: Sequence[Any], whose: int) -> Iterator[Edit]:
    """(start, end, whose, what stands there then) of each stretch that was changed."""
    keys = [list(map(repr, side)) for side in (before, after)]
    for how, start, end, to, until in SequenceMatcher(a=keys[0], b=keys[1], autojunk=False).get_opcodes():
        if how != "equal":
            yield start, end, whose, list(after[to:until])
