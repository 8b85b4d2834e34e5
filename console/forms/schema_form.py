"""The form made from a policy's configuration schema, filled with a configuration and its errors.

A field's name is its path in errors too: `config.rateLimits.0.maximumRequests`. What was posted is
read back by `console.forms.schema_data`.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from console.forms import durations
from console.forms.schema import MENTION, PREFIX, Schema, kind, named, resolve

Errors = Mapping[str, list[str]]
LONG = {"area", "choices", "group", "json", "lines", "rows"}


@dataclass(frozen=True)
class Choice:
    value: str
    label: str
    is_chosen: bool
    about: str = ""
    is_disabled: bool = False


@dataclass(frozen=True)
class When:
    """The control whose value decides whether another is shown, and the values with which it is, a space
    between them. Of several controls all must agree: a space between their names, a bar between their values.
    """

    name: str
    values: str


@dataclass(frozen=True)
class Field:
    """One control. `kind` names its template; `fields` are a group's members, or a list's rows."""

    kind: str
    name: str
    label: str
    help: str = ""
    is_required: bool = False
    is_advanced: bool = False
    is_stored: bool = False
    is_set: bool = False
    """Whether it is otherwise than it comes."""
    is_code: bool = False
    is_long: bool = False
    """Whether it has several lines, of a secret: an area then, since one line would lose where they end."""
    """Whether its text is shown in letters of one width, and left as it is typed."""
    unit: str = ""
    row: str = ""
    """What one row of the list is called, where its label does not tell."""
    when: When | None = None
    value: Any = None
    errors: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple["Field", ...] = ()

    @property
    def is_wrong(self) -> bool:
        """Whether anything in it is to be mended."""
        return bool(self.errors) or any(one.is_wrong for one in self.fields)

    @property
    def mention(self) -> str:
        """Which secret it names, where it holds none itself."""
        return str(self.value) if str(self.value).startswith(MENTION) else ""

    @property
    def template(self) -> str:
        return f"console/fields/_{self.kind}.html"

    @property
    def key(self) -> str:
        """The last part of the name: a row's key within its list."""
        return self.name.rpartition(".")[2]

    @property
    def parts(self) -> dict[str, "Field"]:
        """The controls inside, by key: for a template that places them itself."""
        return {one.key: one for one in self.fields}

    @property
    def short(self) -> list["Field"]:
        """The controls of a row that stand side by side."""
        return [one for one in self.fields if one.kind not in LONG]

    @property
    def long(self) -> list["Field"]:
        """Those that need the row's whole width, below the others."""
        return [one for one in self.fields if one.kind in LONG]

    @property
    def singular(self) -> str:
        """What one row of the list is called."""
        if self.row:
            return self.row
        return self.label.removesuffix("s").lower() if self.label.endswith("s") else self.label.lower()


def fields(
    schema: Schema,
    config: Mapping[str, Any],
    errors: Errors | None = None,
    stored: Collection[str] = (),
    prefix: str = PREFIX,
) -> tuple[Field, ...]:
    """The controls for a configuration. `stored` names the secrets ("password") that are kept already."""
    form = _Form(schema, errors or {}, {named(prefix, path) for path in stored})
    return form.members(schema, config, prefix)


def offering(some: Iterable[Field], name: str, words: Iterable[str]) -> list[Field]:
    """The field of this name takes lines, and is shown with what is in use but for what it holds already."""

    def with_words(one: Field) -> Field:
        held = str(one.value).splitlines()
        return replace(one, choices=tuple(Choice(word, word, False) for word in words if word not in held))

    return [with_words(one) if one.name == name else one for one in some]


class _Form:
    """What every level of one form shares while it is built."""

    def __init__(self, root: Schema, errors: Errors, stored: Collection[str]) -> None:
        self.root, self.errors, self.stored = root, errors, stored

    def members(self, schema: Schema, config: Mapping[str, Any], prefix: str) -> tuple[Field, ...]:
        required = schema.get("required", ())
        return tuple(
            self.one(resolve(part, self.root), config.get(key), named(prefix, key), key in required)
            for key, part in schema.get("properties", {}).items()
        )

    def one(self, schema: Schema, value: Any, name: str, required: bool) -> Field:
        shape = kind(schema, self.root)
        usual = schema.get("default")
        is_set = value is not None and value != usual
        value = usual if value is None else value
        shown, inner = self._content(shape, schema, value, name)
        return Field(
            shape,
            name,
            label=schema.get("title") or name.rpartition(".")[2],
            help=schema.get("description", ""),
            is_required=required or bool(schema.get("needed")),
            is_advanced=bool(schema.get("advanced")),
            is_stored=name in self.stored,
            is_set=is_set,
            is_code=bool(schema.get("code")),
            is_long=bool(schema.get("multiline")),
            unit=schema.get("unit", ""),
            row=schema.get("row", ""),
            when=_when(schema, name),
            value=shown,
            errors=self._errors(name, deep=not inner),
            choices=_units(schema, value) if shape == "duration" else _choices(schema, value, self.root),
            attributes=_attributes(schema),
            fields=inner,
        )

    def _content(self, shape: str, schema: Schema, value: Any, name: str) -> tuple[Any, tuple[Field, ...]]:
        """What a control shows, and the controls inside it."""
        match shape:
            case "group":
                return None, self.members(schema, value if isinstance(value, Mapping) else {}, name)
            case "rows":
                return None, self._rows(schema, value, name)
            case "duration":
                return durations.split(value, durations.base(schema), are_long=durations.has_long(schema))[
                    0
                ], ()
            case "lines" if isinstance(value, list | tuple):
                return "\n".join(map(str, value)), ()
            case "json" if value is not None and not isinstance(value, str):
                return json.dumps(value, indent=2), ()
        return "" if value is None else value, ()

    def _rows(self, schema: Schema, value: Any, name: str) -> tuple[Field, ...]:
        item = resolve(schema["items"], self.root)
        entries = list(value) if isinstance(value, list | tuple) else []
        entries += [{}] * max(0, schema.get("minItems", 0) - len(entries))
        return tuple(
            Field(
                "row",
                f"{name}.{at}",
                label=item.get("title", ""),
                errors=self._errors(f"{name}.{at}", deep=False),
                fields=self._row(item, entry if isinstance(entry, Mapping) else {}, f"{name}.{at}", at > 0),
            )
            for at, entry in enumerate(entries)
        )

    def _row(self, item: Schema, entry: Mapping[str, Any], name: str, brief: bool) -> tuple[Field, ...]:
        """The controls of one row; only the first row explains them."""
        found = self.members(item, entry, name)
        return tuple(replace(one, help="") for one in found) if brief else found

    def _errors(self, name: str, *, deep: bool) -> tuple[str, ...]:
        """The messages at this name; a control that shows a whole list as text shows its entries' too."""
        found = list(self.errors.get(name, ()))
        for path, messages in self.errors.items() if deep else ():
            if path.startswith(f"{name}."):
                line = path.removeprefix(f"{name}.").split(".")[0]
                found += [f"Line {int(line) + 1}: {text}" if line.isdigit() else text for text in messages]
        return tuple(found)


def _when(schema: Schema, name: str) -> When | None:
    """From the schema's `when`: {key of a neighbour: its values}; all of them must hold."""
    asked: Mapping[str, Any] = schema.get("when", {})
    if not asked:
        return None
    values = (" ".join(str(json.dumps(one)).strip('"') for one in some) for some in asked.values())
    return When(" ".join(named(name.rpartition(".")[0], key) for key in asked), "|".join(values))


def _choices(schema: Schema, value: Any, root: Schema) -> tuple[Choice, ...]:
    item = resolve(schema.get("items", {}), root) if schema.get("type") == "array" else schema
    values = [item["const"]] if "const" in item else list(item.get("enum", ()))
    labels = {**item.get("labels", {}), **schema.get("labels", {})}
    chosen = value if isinstance(value, list | tuple) else [] if value is None else [value]
    if values and schema.get("type") == "array":
        values += [one for one in chosen if one not in values]
    abouts = schema.get("abouts", {})
    return tuple(
        Choice(str(one), labels.get(str(one), str(one)), one in chosen, abouts.get(str(one), ""))
        for one in values
    )


def _units(schema: Schema, value: Any) -> tuple[Choice, ...]:
    """Those of a time, the value's own chosen."""
    kept, are_long = durations.base(schema), durations.has_long(schema)
    chosen = durations.split(value, kept, are_long=are_long, blank=durations.blank(schema))[1]
    known = durations.units(kept, are_long=are_long)
    return tuple(Choice(one, durations.LABELS[one], one == chosen) for one in known)


def _attributes(schema: Schema) -> dict[str, Any]:
    """The HTML attributes that let a browser check what the schema will."""
    if durations.base(schema):
        # Its bounds and examples are of another unit than the one that is typed.
        return {"min": 0, "step": "any"}
    found: dict[str, Any] = {}
    whole = schema.get("type") == "integer"
    low = schema.get("minimum", _next(schema.get("exclusiveMinimum"), 1 if whole else 0))
    high = schema.get("maximum", _next(schema.get("exclusiveMaximum"), -1 if whole else 0))
    for name, value in (("min", low), ("max", high), ("maxlength", schema.get("maxLength"))):
        if value is not None:
            found[name] = value
    if schema.get("type") == "number":
        found["step"] = "any"
    if schema.get("moment"):
        found["data-moment"] = schema["moment"]
    if schema.get("examples"):
        example = schema["examples"][0]
        found["placeholder"] = "\n".join(map(str, example)) if isinstance(example, list) else example
    return found


def _next(bound: Any, step: int) -> Any:
    return None if bound is None else bound + step
