"""How differences are put into words, line by line: of an audit entry's fields, and of any two mappings."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice
from typing import Any

from console import kept_lists
from console.audit import HIDDEN
from console.forms import durations
from console.forms.schema import Schema, of_model, resolve
from console.kept_lists import KeptList
from console.lines import within
from console.models import AuditEntry
from policies import catalog

_MOMENT = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:\+00:00|Z)$")
"""As entries keep it; fractions of a second tell nobody anything."""
LONGEST = 120
MOST_ITEMS = 200
"""Of a list that is compared in its order, which takes time by the square of it."""
MOST_NAMED = 12
NAMED = 3
"""Of what came to a list, or went: of more than so many, a few are named, and the others counted."""
MOST_LINES = 60
SECRETS = frozenset({"password", "secret", "secrets"})
SAID = frozenset({"changed_by", "comment", "despite_tests", "discarded", "rolled_back"})
"""What an entry says beside what changed."""
TITLES = {
    "address": "Listens on",
    "alpn": "ALPN",
    "api": "API",
    "apis": "APIs",
    "asset_id": "Asset id",
    "config": "",
    "despite_tests": "Although its tests do not pass",
    "discarded": "What runs, and is saved again",
    "methodRegex": "methods",
    "min_version": "Lowest TLS version",
    "max_version": "Highest TLS version",
    "order": "Place",
    "response_timeout_ms": "Response timeout (ms)",
    "tls_context": "TLS context",
    "trusted_ca": "Trusted CA",
    "uri": "address",
    "uriTemplateRegex": "path",
}
"""Fields whose names are not their words; one without a title has only its parts."""

Titles = Mapping[str, Any]


@dataclass(frozen=True)
class FieldChange:
    """One field: `kind` is "changed", "added", "removed", or "is" where there is only a value to tell."""

    label: str
    before: str = ""
    after: str = ""
    kind: str = "changed"


def lines(entry: AuditEntry, but: Collection[str] = ()) -> list[FieldChange]:
    """What the entry itself holds, without the fields that are told otherwise."""
    told = {name: sides for name, sides in entry.diff.items() if name not in but}
    found = bounded(_of_fields(told, _schema(entry)))
    if entry.action == AuditEntry.Action.UPDATE:
        return found
    is_gone = entry.action == AuditEntry.Action.DELETE
    return [FieldChange(one.label, after=(is_gone and one.before) or one.after, kind="is") for one in found]


def bounded(lines: Iterable[FieldChange]) -> list[FieldChange]:
    found = list(islice(lines, MOST_LINES + 1))
    if len(found) > MOST_LINES:
        found[MOST_LINES:] = [FieldChange("More", after="not all of it is shown", kind="is")]
    return found


def compared(
    label: str, before: Titles, after: Titles, schema: Schema | None = None
) -> Iterator[FieldChange]:
    """What differs between two mappings, field by field; `schema` is that of a policy's configuration."""
    return _mappings(label, before, after, schema, schema or {})


def words(value: Any, schema: Schema | None = None) -> str:
    """A value as a person reads it, in one line; "" for nothing."""
    return _item(value, schema, schema or {})


def schema_of(policy: str) -> Schema | None:
    """Of the policy's configuration; None where the catalog has it no longer."""
    try:
        return of_model(catalog.find(policy).config)
    except catalog.UnknownPolicy:
        return None


def _of_fields(diff: Mapping[str, Any], schema: Schema | None) -> Iterator[FieldChange]:
    for name, (before, after) in diff.items():
        own = schema if name == "config" else None
        if name in SAID:
            yield FieldChange(title_of(name), after=words(after), kind="is")
        elif name in SECRETS:
            yield FieldChange(title_of(name), after="changed", kind="is")
        else:
            yield from _compared(title_of(name), before, after, own, own or {})


def _compared(
    label: str, before: Any, after: Any, schema: Schema | None, root: Schema
) -> Iterator[FieldChange]:
    """`schema` is that of the value, where there is one; `root` is where its references lead."""
    if before == after or (_is_nothing(before) and _is_nothing(after)):
        return
    if _is(Mapping, before, after):
        yield from _mappings(label, before or {}, after or {}, schema, root)
    elif _is(list, before, after):
        item = resolve(schema["items"], root) if schema and "items" in schema else None
        yield from _lists(label, before or [], after or [], item, root)
    else:
        yield FieldChange(label, _words(before, schema) or "none", _words(after, schema) or "none")


def _mappings(
    label: str, before: Titles, after: Titles, schema: Schema | None, root: Schema
) -> Iterator[FieldChange]:
    parts = {key: resolve(part, root) for key, part in (schema or {}).get("properties", {}).items()}
    ordered = dict.fromkeys([*parts, *before, *after])
    for key in ordered:
        title = str(parts.get(key, {}).get("title") or title_of(key))
        joined = f"{label}, {within(title)}" if label and title else label or title
        yield from _compared(joined, before.get(key), after.get(key), parts.get(key), root)


def _lists(
    label: str, before: Sequence[Any], after: Sequence[Any], item: Schema | None, root: Schema
) -> Iterator[FieldChange]:
    """Lists item by item; items that stay are left out."""
    sides = kept_lists.read(before), kept_lists.read(after)
    if max(len(before), len(after)) > MOST_ITEMS or any(side.is_short for side in sides):
        yield from _long_lists(label, *sides, item, root)
        return
    keys = [list(map(kept_lists.key, side)) for side in (before, after)]
    if sorted(keys[0]) == sorted(keys[1]):
        yield FieldChange(f"{label}, in order", _joined(before, item, root), _joined(after, item, root))
        return
    singular = _singular(label)
    for olds, news, number in _replaced(before, after, keys):
        pairs = min(len(olds), len(news)) if all(isinstance(one, Mapping) for one in (*olds, *news)) else 0
        for place, (old, new) in enumerate(zip(olds[:pairs], news[:pairs], strict=True), number):
            yield from _mappings(f"{singular} {place}", old, new, item, root)
        yield from _came(label, "removed", olds[pairs:], item, root)
        yield from _came(label, "added", news[pairs:], item, root)


def _long_lists(
    label: str, before: KeptList, after: KeptList, item: Schema | None, root: Schema
) -> Iterator[FieldChange]:
    """What went and came, wherever it stood."""
    gone = kept_lists.differing(before.items, after.items)
    come = kept_lists.differing(after.items, before.items)
    if not (gone or come or before.more or after.more):
        some = [_joined(side.items[:MOST_ITEMS], item, root) for side in (before, after)]
        yield FieldChange(f"{label}, in order", *some)
    yield from _came(label, "removed", gone, item, root, more=before.more)
    yield from _came(label, "added", come, item, root, more=after.more)


def _came(
    label: str, kind: str, found: Sequence[Any], item: Schema | None, root: Schema, *, more: int = 0
) -> Iterator[FieldChange]:
    """What came to a list, or went: each in a line; of many, one line names a few and counts the rest."""
    if more or len(found) > MOST_NAMED:
        few = [_short(_item(one, item, root), LONGEST // NAMED) for one in found[:NAMED]]
        told = [f"{', '.join(few)} and {len(found) - len(few) + more:,} more"]
    else:
        label, told = _singular(label), [_item(one, item, root) for one in found]
    for words in told:
        yield FieldChange(label, **{"before" if kind == "removed" else "after": words}, kind=kind)


def _replaced(
    before: Sequence[Any], after: Sequence[Any], keys: Sequence[list[str]]
) -> Iterator[tuple[Sequence[Any], Sequence[Any], int]]:
    """(old items, new ones, the place of the first new one) of each stretch that differs."""
    matcher = SequenceMatcher(a=keys[0], b=keys[1], autojunk=False)
    for how, start, end, to, until in matcher.get_opcodes():
        if how != "equal":
            yield before[start:end], after[to:until], to + 1


def _item(value: Any, schema: Schema | None, root: Schema) -> str:
    if not isinstance(value, Mapping):
        return _words(value, schema)
    parts = _mappings("", {}, value, schema, root)
    return _short("; ".join(f"{within(part.label)} {part.after}" for part in parts))


def _joined(values: Sequence[Any], item: Schema | None, root: Schema) -> str:
    return _short(", ".join(_item(one, item, root) for one in values))


def _words(value: Any, schema: Schema | None = None) -> str:
    """A value as a person reads it; "" for none."""
    match value:
        case _ if _is_nothing(value):
            text = ""
        case bool():
            text = "yes" if value else "no"
        case int() if schema and (kept := durations.base(schema)):
            text = durations.words(value, kept)
        case Mapping():
            text = "; ".join(f"{within(title_of(key))}: {_words(part)}" for key, part in value.items())
        case list():
            text = ", ".join(map(_words, value))
        case _:
            text = "not shown" if value == HIDDEN else _MOMENT.sub(r"\1 \2 UTC", str(value))
    return _short(text)


def _short(text: str, longest: int = LONGEST) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def title_of(name: str) -> str:
    """ "consumer_endpoint" and "consumerEndpoint" are "Consumer endpoint"."""
    if name in TITLES:
        return TITLES[name]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").strip()
    return f"{words[:1].upper()}{words[1:].lower()}" if words else name


def _singular(label: str) -> str:
    for many, one in (("ies", "y"), ("sses", "ss"), ("s", "")):
        if label.endswith(many):
            return label.removesuffix(many) + one
    return label


def _is(kind: type, *values: Any) -> bool:
    """Whether all values that are given have this type."""
    return all(isinstance(value, kind) for value in values if value not in (None, ""))


def _is_nothing(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _schema(entry: AuditEntry) -> Schema | None:
    """The schema of the configuration that the entry is about; None where the catalog has it no longer."""
    if entry.object_type not in ("policybinding", "automatedpolicy") or "config" not in entry.diff:
        return None
    named = [one for one in entry.diff.get("policy", ()) if one]
    for policy in catalog.policies():
        # An automated policy's name has its label behind the title.
        is_called_so = entry.object_name == policy.title or entry.object_name.startswith(f"{policy.title} (")
        if policy.name in named or (not named and is_called_so):
            return of_model(policy.config)
    return None
