"""A field as every page shows it, whichever form it is of: one made from a schema, or one of Django's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.forms import BoundField
from django.utils.safestring import SafeString, mark_safe

from console.forms.schema_form import Field

SHAPES = {
    "switch": "check",
    "choices": "set",
    "cards": "set",
    "rows": "set",
    "group": "group",
    "CheckboxInput": "check",
    "RadioSelect": "set",
    "CheckboxSelectMultiple": "set",
}
"""By the kind of a schema's field, and by Django's widget: a box with its label, several controls with a
legend, or a frame around fields. All others are a control below its label."""
FIRST = frozenset({"rows", "group"})
"""Kinds that are explained before what is in them."""
ANSWERED = frozenset({"choice", "cards", "switch", "group", "search", "CheckboxInput", "RadioSelect"})
"""Kinds that always have an answer, or need none, and so are not called optional."""
HINTS = {
    "json": "JSON.",
    "lines": "One on each line.",
}
EXPRESSION = mark_safe("An expression, for example <code>#[attributes.headers['client_id']]</code>.")


@dataclass(frozen=True)
class Control:
    """What components/_field.html shows. `source` is the field of the form."""

    source: Field | BoundField
    kind: str
    id: str
    label: str
    help: str
    errors: tuple[str, ...]
    is_needed: bool
    attributes: Mapping[str, Any] = field(default_factory=dict)
    template: str = ""
    unit: str = ""
    when: tuple[str, str] | None = None

    @property
    def shape(self) -> str:
        return SHAPES.get(self.kind, "below")

    @property
    def is_told_first(self) -> bool:
        return self.kind in FIRST

    @property
    def is_optional(self) -> bool:
        return not self.is_needed and self.kind not in ANSWERED

    @property
    def hint(self) -> str | SafeString:
        """How it is to be written, where its help does not say so."""
        if self.kind == "expression":
            return "" if self.help else EXPRESSION
        return HINTS.get(self.kind, "")

    @property
    def described(self) -> str:
        """The ids of what explains it, for aria-describedby."""
        error = f"{self.id}_error" if self.errors else ""
        about = f"{self.id}_helptext" if self.help or self.hint else ""
        return f"{error} {about}".strip()

    @property
    def widget(self) -> SafeString:
        """Of a field of Django's, which writes its control itself."""
        assert isinstance(self.source, BoundField)
        return self.source.as_widget(attrs=dict(self.attributes))


def control(one: Field | BoundField, **said: Any) -> Control:
    """`said` is what the page says otherwise: id, label, unit, attributes, needed."""
    made = _of_django(one) if isinstance(one, BoundField) else _of_schema(one)
    attributes = {**made.attributes, **said.pop("attributes", {})}
    is_needed = bool(said.pop("needed", made.is_needed))
    return Control(**{**vars(made), **said, "attributes": attributes, "is_needed": is_needed})


def _of_schema(one: Field) -> Control:
    return Control(
        one,
        one.kind,
        f"f-{one.name}",
        one.label,
        one.help,
        one.errors,
        one.is_required,
        attributes=one.attributes,
        template=one.template,
        unit=one.unit,
        when=(one.when.name, one.when.values) if one.when else None,
    )


def _of_django(one: BoundField) -> Control:
    return Control(
        one,
        type(one.field.widget).__name__,
        one.auto_id,
        str(one.label),
        # Django's help is written by us, and may hold HTML.
        mark_safe(one.help_text),  # noqa: S308
        tuple(map(str, one.errors)),
        one.field.required,
        template=getattr(one.field.widget, "shown_by", ""),
    )
