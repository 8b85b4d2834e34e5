"""What the second of two editors is shown: who was first, and what both made of what they had seen.

A form carries what it showed when it was opened (`base`). When somebody else saved meanwhile, what only one
of the two changed is merged in the form, and what both changed is chosen there, button by button.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core import signing
from django.db import models
from django.http import QueryDict

from console import audit
from console.forms import merging, schema_form
from console.forms.differences import HIDDEN, NOTHING, FieldDifference, words
from console.forms.merging import STORED, UNKNOWN, Divergence, FormPart, Side
from console.forms.schema_form import Field
from console.models import AuditEntry, Environment

TAKE = "take"
"""The buttons' name; the value is like "theirs:config.ips"."""
LONGEST_TOKEN = 600_000
"""Of what a form carries. Without it all that differs is a conflict."""
LONGEST_WORDS = 400
Values = Mapping[str, Mapping[str, Any]]
"""By the keys of a form's parts."""


@dataclass(frozen=True)
class ConflictRow:
    """A place that is not as it was: `in_form` is whose value the form below has."""

    label: str
    mine: str
    theirs: str
    before: str = ""
    name: str = ""
    side: Side = "conflict"
    in_form: str = ""


@dataclass(frozen=True)
class Conflict:
    """`entry` is the change that was first, where the audit knows it. `was` is what both are compared with,
    for the form to carry.
    """

    entry: AuditEntry | None
    rows: list[ConflictRow]
    was: str = ""

    @property
    def open(self) -> list[ConflictRow]:
        """What somebody has to choose in."""
        return [row for row in self.rows if row.side == "conflict"]

    @property
    def merged(self) -> list[ConflictRow]:
        return [row for row in self.rows if row.side != "conflict"]


class Meeting:
    """A form's parts, and what they hold for the two: for one request."""

    def __init__(
        self,
        parts: Sequence[FormPart],
        target: models.Model,
        environment: Environment,
        data: QueryDict,
        *,
        unused: Callable[[Values], Collection[str]] = lambda values: (),
    ) -> None:
        """`unused` are the fields that count for nothing with these values, by their names."""
        self.parts = {part.key: part for part in parts}
        self.target, self.environment, self.data = target, environment, data
        self.unused = unused

    @property
    def is_choosing(self) -> bool:
        """Whether the form was sent by one of the buttons that choose, and not to be saved."""
        return TAKE in self.data

    def base(self, saved: Values, seen: str) -> str:
        """What the form carries: what it was opened with, if it tells what was `seen`, else what is saved."""
        return (seen and self.data.get("base", "")) or _token(self._filled(saved))

    def met(self, mine: Values, saved: Values) -> tuple[dict[str, Any], Conflict]:
        """What the form is to hold, and what is to be told of it: somebody has saved meanwhile."""
        before = _read(self.data.get("base", ""))
        # A secret that was left empty is the one that was there when the form was opened.
        own = self._with_secrets(self._filled(mine), before or {}, but_typed=True)
        was = {"before": before, "mine": self._with_secrets(own, before or {})}
        merged, conflict = self._compared(before, own, self._filled(saved), was=_token(was))
        return {key: merging.shown(values) for key, values in merged.items()}, conflict

    def chosen(self, form: Values, saved: Values) -> tuple[dict[str, Any], Conflict]:
        """The form with the asked choice made, and all that differs again."""
        was = _read(self.data.get("was", "")) or {}
        before, theirs = was.get("before"), self._filled(saved)
        held = self._filled(form)
        # What was typed of secrets is in the form alone, which sends it each time.
        mine = self._with_secrets(was.get("mine") or held, held)
        side, _, name = self.data.get(TAKE, "").partition(":")
        for key, part in self.parts.items():
            value = merging.got(part, {"mine": mine, "theirs": theirs}.get(side, {}).get(key), name)
            if value is not UNKNOWN:
                merging.put(part, held[key], name, value)
        _, conflict = self._compared(before, mine, theirs, held, was=self.data.get("was", ""))
        return {key: merging.shown(values) for key, values in held.items()}, conflict

    def _compared(
        self, before: Any, mine: Any, theirs: Any, held: Any = None, *, was: str
    ) -> tuple[dict[str, Any], Conflict]:
        merged: dict[str, Any] = {}
        rows: list[ConflictRow] = []
        for key, part in self.parts.items():
            sides = [(before or {}).get(key, UNKNOWN), mine[key], theirs[key]]
            if sides[0] is not UNKNOWN:
                sides[0] = merging.filled(part, sides[0])
            merged[key], places = merging.merge(part, *sides)
            rows += self._rows(part, places, [*sides, (held or merged)[key]])
        idle = set(self.unused(mine)) & set(self.unused(theirs))
        rows = [row for row in rows if row.name.partition(".")[0] not in idle]
        entry = audit.history(self.target).first()
        return merged, Conflict(entry, rows, was if len(was) <= LONGEST_TOKEN else "")

    def _rows(
        self, part: FormPart, places: Sequence[Divergence], sides: Sequence[Any]
    ) -> Iterator[ConflictRow]:
        told = [self._told(part, side) for side in sides[:3]]
        labels = {name: label for side in told for name, (label, _) in side.items()}
        for one in places:
            values = [merging.got(part, side, one.name) for side in sides]
            said = [_words(one.name, value, side) for value, side in zip(values, told, strict=False)]
            before, mine, theirs, held = values
            if _is_stored(theirs) and theirs != before:
                said[2] = "another one, not shown"
            in_form = "theirs" if held == theirs else "mine" if held == mine else "merged"
            yield ConflictRow(
                labels.get(one.name, one.name), said[1], said[2], said[0], one.name, one.side, in_form
            )

    def _told(self, part: FormPart, values: Any) -> dict[str, tuple[str, str]]:
        if values is UNKNOWN:
            return {}
        fields = schema_form.fields(part.schema, values, prefix=part.prefix)
        return dict(_flat(fields, self._names))

    @cached_property
    def _names(self) -> dict[str, str]:
        """TLS contexts, which fields hold by their keys, are called by their names."""
        return {str(pk): name for pk, name in self.environment.tls_contexts.values_list("pk", "name")}

    def _filled(self, values: Values) -> dict[str, Any]:
        return {key: merging.filled(part, values.get(key, {})) for key, part in self.parts.items()}

    def _with_secrets(self, values: Values, other: Values, *, but_typed: bool = False) -> dict[str, Any]:
        return {
            key: merging.with_secrets(part, values[key], other.get(key, {}), but_typed=but_typed)
            for key, part in self.parts.items()
        }


def of_rows(target: models.Model, rows: Iterable[FieldDifference]) -> Conflict:
    """Of a form whose values are not merged."""
    return Conflict(
        audit.history(target).first(), [ConflictRow(one.label, one.mine, one.saved) for one in rows]
    )


def _flat(
    fields: Iterable[Field], names: Mapping[str, str], before: str = ""
) -> Iterator[tuple[str, tuple[str, str]]]:
    """(name, (label, words)) of each control, and of each list as a whole."""
    for one in fields:
        label = f"{before}{one.label}"
        if one.kind == "group":
            yield from _flat(one.fields, names, f"{label}: ")
            continue
        if one.kind != "rows":
            yield one.name, (label, words(one, names))
            continue
        rows = []
        for number, row in enumerate(one.fields, 1):
            inner = list(_flat(row.fields, names, f"{before}{one.singular.capitalize()} {number}: "))
            yield from inner
            told = (text for name, (_, text) in inner if _is_told(name, text))
            rows.append(", ".join(told))
        yield one.name, (label, _short("; ".join(rows)))


def _words(name: str, value: Any, told: Mapping[str, tuple[str, str]]) -> str:
    if value is UNKNOWN:
        return "not known"
    return "as stored" if _is_stored(value) else told.get(name, ("", NOTHING))[1] or NOTHING


def _is_stored(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(STORED)


def _is_told(name: str, text: str) -> bool:
    return name.rpartition(".")[2] not in merging.KEYS and text not in (NOTHING, HIDDEN)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_WORDS else f"{text[:LONGEST_WORDS].rstrip()}…"


def _token(values: Any) -> str:
    """Signed: nobody is shown as having seen what they had not."""
    text = _signer().sign_object(values, compress=True)
    return text if len(text) <= LONGEST_TOKEN else ""


def _read(token: str) -> Any:
    """None where there is none, or it is of nobody's making."""
    try:
        return _signer().unsign_object(token) if token else None
    except signing.BadSignature:
        return None


def _signer() -> signing.Signer:
    return signing.Signer(salt="apis.views.conflict")
